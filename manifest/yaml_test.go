package manifest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/manifest"
)

const vectors = "../docs/spec/testdata/manifest"

func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(vectors, dir, "*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatal("no test vectors", err)
	}
	out := map[string][]byte{}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(n)] = b
	}
	return out
}

func TestValid(t *testing.T) {
	for name, b := range files(t, "valid") {
		m, err := manifest.ParseYAML(name, b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		raw, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := manifest.Parse(raw)
		if err != nil {
			t.Errorf("%s: plugin.json: %v", name, err)
			continue
		}
		if !again.Equal(m) {
			t.Errorf("%s: changed by its JSON form", name)
		}
	}
}

// TestBuildIsNotPublished: how a plugin is built is its author's matter.
func TestBuildIsNotPublished(t *testing.T) {
	m, err := manifest.ParseYAML("plugin.yaml", files(t, "valid")["build.yaml"])
	if err != nil || m.Build != "cargo build --release --target=wasm32-wasip1" {
		t.Fatalf("%+v, %v", m, err)
	}
	b, err := m.JSON()
	if err != nil || strings.Contains(string(b), "cargo") {
		t.Errorf("%s, %v", b, err)
	}
	if _, err := manifest.Parse([]byte(strings.Replace(string(b), `"id"`, `"build":"make","id"`, 1))); err == nil {
		t.Error("a plugin.json with a command was read")
	}
}

func TestInvalid(t *testing.T) {
	for name, b := range files(t, "invalid") {
		first, _, _ := strings.Cut(string(b), "\n")
		want := strings.TrimPrefix(first, "# want: ")
		_, err := manifest.ParseYAML("plugin.yaml", b)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", name, err, want)
		}
	}
}

func TestFullManifest(t *testing.T) {
	m, err := manifest.ParseYAML("plugin.yaml", files(t, "valid")["full.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(m.ID, m.Version, m.Provides, m.Host["folio"], m.Requires[0].ID, m.Requires[0].Optional, m.Requires[1].Range, m.Requires[2].Init,
		m.AnyOf, m.Offers,
		m.Conflicts[0].Range, m.Runtimes.Names(), m.Runtimes.Platforms(), m.Capabilities[0].Describe(), m.State.Version)
	want := "folio/toc 1.2.0 [folio.example.org/transform@1.1] >=0.3 <2 folio/emoji true ^1.0 true " +
		"[[{folio/anchors ^1 false false} {acme/slugs ^2 false false}]] [{folio/outline 1.1.0}] * [process wasm] " +
		"[darwin/arm64 linux/amd64 wasip1/wasm] read files under assets 1\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if p, ok := m.Runtimes.Entry("process", manifest.Platform{OS: "linux", Arch: "amd64"}); !ok || p != "bin/toc-linux-amd64" {
		t.Error(p, ok)
	}
	if p, ok := m.Runtimes.Entry("wasm", manifest.WasmPlatform); !ok || p != "toc.wasm" {
		t.Error(p, ok)
	}
	if _, ok := m.Runtimes.Entry("process", manifest.Platform{OS: "plan9", Arch: "386"}); ok {
		t.Error("entry on a platform that is not named")
	}
}

func TestEveryMistakeIsReported(t *testing.T) {
	_, err := manifest.ParseYAML("plugin.yaml", []byte("idd: x\nversion: one\nkeywords: no\nstate: {version: -1}\n"))
	list, ok := errors.AsType[manifest.Errors](err)
	if !ok || len(list) != 4 {
		t.Fatalf("got %v", err)
	}
	for i := range list[1:] {
		if list[i].Line > list[i+1].Line {
			t.Fatal("not in the order of lines")
		}
	}
	one, ok := errors.AsType[*manifest.Error](err)
	if !ok || one.Line != 1 || one.Hint != "id" {
		t.Fatalf("got %+v", one)
	}
}

func TestLimits(t *testing.T) {
	if _, err := manifest.ParseYAML("p", []byte(strings.Repeat("#", manifest.MaxYAML+1))); err == nil {
		t.Error("oversized file accepted")
	}
	if _, err := manifest.ParseYAML("p", nil); err == nil {
		t.Error("empty file accepted")
	}
	long := fmt.Sprintf("id: a/b\nversion: 1.0.0\nsummary: %s\nruntimes: {wasm: {module: m}}\n", strings.Repeat("é", manifest.MaxSummary+1))
	if _, err := manifest.ParseYAML("p", []byte(long)); err == nil || !strings.Contains(err.Error(), "201 characters") {
		t.Error(err)
	}
}

// TestManyMistakes keeps a hostile file from filling a terminal.
func TestManyMistakes(t *testing.T) {
	for _, text := range []string{strings.Repeat("x: 1\n", 40000), "host: {" + strings.Repeat("A: !, ", 30000) + "}", "keywords: [" + strings.Repeat("[], ", 50000) + "]"} {
		_, err := manifest.ParseYAML("plugin.yaml", []byte(text))
		if err == nil || strings.Count(err.Error(), "\n") >= 50 || len(err.Error()) > 20000 {
			t.Errorf("%.20s: %.300v", text, err)
		}
	}
	long := strings.Repeat("k", 100000)
	if _, err := manifest.ParseYAML("plugin.yaml", []byte(long+": 1")); err == nil || len(err.Error()) > 2000 {
		t.Errorf("%.300v", err)
	}
}

// TestDocument reads the examples of the specification and looks for every key.
func TestDocument(t *testing.T) {
	b, err := os.ReadFile("../docs/spec/manifest.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(b), "```yaml\n")
	if len(parts) < 2 {
		t.Fatal("no example")
	}
	for _, p := range parts[1:] {
		example, _, _ := strings.Cut(p, "```")
		if _, err := manifest.ParseYAML("manifest.md", []byte(example)); err != nil {
			t.Error(err)
		}
	}
	for _, key := range []string{
		"id", "version", "summary", "license", "keywords", "links", "provides", "host", "requires", "any_of", "conflicts", "offers",
		"runtimes", "files", "capabilities", "config", "state.version", "state.exclusive", "hooks", "build",
	} {
		if !strings.Contains(parts[len(parts)-1], "\n| `"+key+"` |") {
			t.Errorf("key %s has no line", key)
		}
	}
}

func FuzzParseYAML(f *testing.F) {
	for _, dir := range []string{"valid", "invalid"} {
		for _, b := range files(f, dir) {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := manifest.ParseYAML("plugin.yaml", b)
		if err != nil {
			return
		}
		raw, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := manifest.Parse(raw)
		if err != nil || !again.Equal(m) {
			t.Fatalf("%s: %v", raw, err)
		}
	})
}

package lint_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/publish/lint"
)

const (
	wasm   = "\x00asm\x01\x00\x00\x00"
	good   = "id: acme/good\nversion: 1.0.0\nsummary: Does good\nlicense: MIT\nlinks: { source: \"https://acme.dev/good\" }\nprovides: { acme.dev/p: \"1.0\" }\nhost: { acme: \">=1 <2\" }\nrequires: { acme/base: ^1 }\ncapabilities: [ \"net:api.acme.dev:443\" ]\nconfig: config.json\nfiles: [ assets ]\nruntimes: { wasm: { module: m.wasm } }\n"
	script = "#!/bin/sh\n"
)

// folder returns the files of a plugin that breaks no rule.
func folder() map[string]string {
	return map[string]string{
		"plugin.yaml": good, "m.wasm": wasm, "README.md": "# good\n", "LICENSE": "text", "config.json": `{"type":"object"}`, "assets/a.txt": "a",
	}
}

// program returns the files with a process runtime in place of the module.
func program(platforms string, files map[string]string) map[string]string {
	out := folder()
	out["plugin.yaml"] = strings.Replace(good, "wasm: { module: m.wasm }", "process: { platforms: { "+platforms+" } }", 1)
	maps.Copy(out, files)
	return out
}

// runs returns the files with another runtime and one more file.
func runs(runtime, name, content string) map[string]string {
	out := edit("wasm: { module: m.wasm }", runtime)
	out[name] = content
	return out
}

func elf(machine, data byte) string {
	return "\x7fELF\x02" + string([]byte{data}) + strings.Repeat("\x00", 12) + string([]byte{machine}) + "\x00" + strings.Repeat("\x00", 40)
}

// pe returns the begin of a program for Windows.
func pe(machine string) string {
	return "MZ" + strings.Repeat("\x00", 58) + "\x40\x00\x00\x00" + "PE\x00\x00" + machine + strings.Repeat("\x00", 40)
}

func edit(old, with string) map[string]string {
	out := folder()
	if !strings.Contains(good, old) {
		panic(old)
	}
	out["plugin.yaml"] = strings.Replace(good, old, with, 1)
	return out
}

func with(name, content string) map[string]string {
	out := folder()
	out[name] = content
	return out
}

func without(name string) map[string]string {
	out := folder()
	delete(out, name)
	return out
}

func run(t *testing.T, files map[string]string, o lint.Options) []lint.Finding {
	t.Helper()
	p := plugintest.PackFolder(t, plugintest.Folder(t, files))
	list, err := lint.Run(t.Context(), p, &p.Image, o)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var cases = map[string]struct {
	files map[string]string
	want  []string // begins of the findings
}{
	"good":                {folder(), nil},
	"no summary":          {edit("summary: Does good\n", ""), []string{"L002 plugin.yaml has no summary"}},
	"no licence":          {edit("license: MIT\n", ""), []string{"L003 "}},
	"no licence text":     {without("LICENSE"), []string{"L004 the licence is MIT"}},
	"no readme":           {without("README.md"), []string{"L005 there is no"}},
	"empty readme":        {with("README.md", ""), []string{"L005 README.md is empty"}},
	"no source":           {edit("source:", "docs:"), []string{"L006 "}},
	"provides nothing":    {edit("provides: { acme.dev/p: \"1.0\" }\n", ""), []string{"L007 "}},
	"no host":             {edit("host: { acme: \">=1 <2\" }\n", ""), []string{"L008 "}},
	"host without bound":  {edit(">=1 <2", ">=1"), []string{"L009 host acme >=1"}},
	"host of any version": {edit("\">=1 <2\"", "\"*\""), []string{"L009 host acme *"}},
	"needs without bound": {edit("^1", "\">=1\""), []string{"L010 the range of acme/base"}},
	"choice of anything":  {edit("requires: { acme/base: ^1 }", "any_of: [ { acme/base: ^1, acme/other: \"*\" } ]"), []string{"L010 the range of acme/other"}},
	"every port":          {edit("api.acme.dev:443", "api.acme.dev:*"), []string{"L011 asks to connect to api.acme.dev on any port"}},
	"every host":          {edit("net:api.acme.dev:443", "net:*.acme.dev:443"), []string{"L011 "}},
	"shell":               {edit("net:api.acme.dev:443", "run:bash"), []string{"L011 asks to run the program bash, which"}},
	"one platform":        {program("linux/amd64: x", map[string]string{"x": elf(62, 1)}), []string{"L012 runs on linux/amd64 only"}},
	"two platforms":       {program("linux/amd64: x, linux/arm64: y", map[string]string{"x": elf(62, 1), "y": elf(183, 1)}), nil},
	"scripts":             {program("linux/amd64: x, darwin/arm64: x", map[string]string{"x": script}), nil},
	"script for windows":  {program("linux/amd64: x, windows/amd64: x", map[string]string{"x": script}), []string{"L015 x for windows/amd64: it is a program for another system"}},
	"mach-o":              {program("linux/amd64: x, darwin/arm64: y", map[string]string{"x": elf(62, 1), "y": "\xcf\xfa\xed\xfe\x0c\x00\x00\x01"}), nil},
	"fat mach-o":          {program("linux/amd64: x, darwin/arm64: y", map[string]string{"x": elf(62, 1), "y": "\xca\xfe\xba\xbe"}), nil},
	"windows":             {program("linux/amd64: x, windows/amd64: y", map[string]string{"x": elf(62, 1), "y": pe("\x64\x86")}), nil},
	"windows for arm":     {program("linux/amd64: x, windows/amd64: y", map[string]string{"x": elf(62, 1), "y": pe("\x64\xaa")}), []string{"L015 y for windows/amd64: it is a program for arm64"}},
	"swapped platforms":   {program("linux/amd64: y, linux/arm64: x", map[string]string{"x": elf(62, 1), "y": elf(183, 1)}), []string{"L015 y for linux/amd64: it is a program for arm64", "L015 x for linux/arm64"}},
	"big endian":          {program("linux/s390x: x, linux/amd64: y", map[string]string{"x": strings.Replace(elf(0, 2), "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", strings.Repeat("\x00", 13)+"\x16", 1), "y": elf(62, 1)}), nil},
	"text as a program":   {program("linux/amd64: x, linux/arm64: y", map[string]string{"x": "hello", "y": elf(183, 1)}), []string{"L015 x for linux/amd64: it is no program"}},
	"text as a module":    {with("m.wasm", "hello"), []string{"L015 m.wasm for wasip1/wasm: it is no WebAssembly module"}},
	"script for all":      {runs("command: { script: x }", "x", script), nil},
	"text as a script":    {runs("command: { script: x }", "x", "echo"), []string{"L015 x for any/any: it is no script"}},
	"program for all":     {runs("command: { script: x }", "x", elf(62, 1)), []string{"L015 x for any/any: it is no script"}},
	"one command":         {runs("command: { platforms: { linux/amd64: x } }", "x", elf(62, 1)), []string{"L012 runs on linux/amd64 only"}},
	"command for another": {runs("command: { platforms: { linux/amd64: x, linux/arm64: x } }", "x", elf(62, 1)), []string{"L015 x for linux/arm64: it is a program for amd64"}},
	"files":               {runs("files: { folder: theme }", "theme/x", "anything"), nil},
	"secret in files":     {runs("files: { folder: theme }", "theme/.env", ""), []string{"L014 theme/.env is"}},
	"key":                 {with("assets/k.pem", "\n-----BEGIN PRIVATE KEY-----\nMII"), []string{"L014 assets/k.pem holds a private key"}},
	"words of a key":      {with("assets/doc.txt", "A key begins with -----BEGIN PRIVATE KEY-----"), nil},
	"file of secrets":     {with("assets/.npmrc", ""), []string{"L014 assets/.npmrc is"}},
	"litter":              {with("assets/.git/HEAD", "x"), []string{"L016 assets/.git/HEAD"}},
	"backup":              {with("assets/a.txt~", "x"), []string{"L016 assets/a.txt~"}},
}

func TestRules(t *testing.T) {
	broken := map[string]bool{"L001": true, "L013": true} // in tests of their own
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			list := run(t, c.files, lint.Options{Payloads: true})
			if len(list) != len(c.want) {
				t.Fatalf("found %v", list)
			}
			for i, f := range list {
				broken[f.Rule] = true
				r, _ := lint.Find(f.Rule)
				if !strings.HasPrefix(f.String(), c.want[i]) || f.Severity != r.Severity || f.Fix != r.Fix {
					t.Errorf("found %+v, want %q", f, c.want[i])
				}
			}
		})
	}
	for _, r := range lint.Rules() {
		if !broken[r.ID] {
			t.Errorf("no case breaks %s", r.ID)
		}
	}
}

// TestWithoutPayloads: a registry does not open payloads.
func TestWithoutPayloads(t *testing.T) {
	files := with("assets/.npmrc", "")
	files["m.wasm"] = "hello"
	delete(files, "LICENSE")
	list := run(t, files, lint.Options{})
	if len(list) != 1 || list[0].Rule != "L004" || lint.Errors(list) != nil {
		t.Error(list)
	}
}

func TestErrors(t *testing.T) {
	files := with("assets/.npmrc", "")
	delete(files, "LICENSE")
	err := lint.Errors(run(t, files, lint.Options{Payloads: true}))
	failed, ok := errors.AsType[lint.Failed](err)
	if !ok || len(failed) != 1 || !strings.HasPrefix(err.Error(), "L014 assets/.npmrc") {
		t.Error(err)
	}
}

// TestDamage: what cannot be read is an error, not a finding.
func TestDamage(t *testing.T) {
	p := plugintest.PackFolder(t, plugintest.Folder(t, folder()))
	for _, d := range []artifact.Descriptor{p.Documents["config.json"].Descriptor, payload(t, p)} {
		_, err := lint.Run(t.Context(), plugintest.Replace(p, d.Digest, "other"), &p.Image, lint.Options{Payloads: true})
		if err == nil {
			t.Errorf("%s: no error", d.MediaType)
		}
	}
}

func payload(t *testing.T, p *artifact.Packed) artifact.Descriptor {
	t.Helper()
	x, err := artifact.ReadPackage(t.Context(), p, p.Packages[0])
	if err != nil {
		t.Fatal(err)
	}
	return x.Payload
}

func TestFind(t *testing.T) {
	if r, ok := lint.Find("l005"); !ok || r.Name != "readme" {
		t.Error(r, ok)
	}
	if _, ok := lint.Find("L999"); ok {
		t.Error("found a rule that is none")
	}
}

// TestPage compares the rules with the reference page.
func TestPage(t *testing.T) {
	b, err := os.ReadFile("../../docs/reference/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	ids := map[string]bool{}
	for i, r := range lint.Rules() {
		if r.ID != fmt.Sprintf("L%03d", i+1) || r.Reason == "" || r.Fix == "" || ids[r.Name] {
			t.Errorf("%+v", r)
		}
		ids[r.Name] = true
		where := "yes"
		if r.Payload {
			where = "no"
		}
		if line := fmt.Sprintf("| %s | `%s` | %s | %s | %s | %s |\n", r.ID, r.Name, r.Severity, where, r.Reason, r.Fix); !strings.Contains(page, line) {
			t.Errorf("the page lacks:\n%s", line)
		}
	}
	if rows := strings.Count(page, "\n| L"); rows != len(lint.Rules()) {
		t.Errorf("the page has %d rules", rows)
	}
	if !slices.IsSortedFunc(lint.Rules(), func(a, b lint.Rule) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("rules are not in order")
	}
}

package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/mirrortest"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/mirror"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/registry/static"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store/mem"
	"github.com/plugstead/plugstead/version"
)

// publish puts plugins into a registry.
func publish(t *testing.T, s *registrytest.Server, list ...*artifact.Packed) {
	t.Helper()
	for _, p := range list {
		plugintest.Push(t, s.Client().Target(p.Manifest.ID), p)
	}
}

// platforms packs a plugin for processes on two platforms.
func platforms(t *testing.T, id, v string) *artifact.Packed {
	t.Helper()
	return plugintest.PackFolder(t, plugintest.Folder(t, map[string]string{
		"plugin.yaml": "id: " + id + "\nversion: " + v + "\nprovides: { acme.dev/greeter: \"1.0\" }\n" +
			"runtimes: { process: { platforms: { linux/amd64: bin/l, darwin/arm64: bin/d } } }\n",
		"bin/l": "linux " + v, "bin/d": "darwin " + v,
	}))
}

// acme is a registry with plugins that need each other.
func acme(t *testing.T) *registrytest.Server {
	t.Helper()
	s := registrytest.New(t)
	publish(
		t, s,
		plugintest.Pack(t, "acme/base", "1.0.0"), plugintest.Pack(t, "acme/base", "1.1.0"), plugintest.Pack(t, "acme/base", "2.0.0"),
		plugintest.Pack(t, "acme/hello", "1.0.0", "requires: { acme/base: ^1 }"),
		plugintest.Pack(t, "acme/hello", "1.1.0", "requires: { acme/base: ^1.1 }"),
		plugintest.Pack(t, "acme/hello", "2.0.0-rc.1", "requires: { acme/base: ^2 }"),
		plugintest.Pack(t, "acme/choosy", "1.0.0", "requires: { acme/text: ^1 }", "any_of: [{ acme/one: '*', acme/two: '*' }]"),
		plugintest.Pack(t, "acme/texter", "3.0.0", "offers: { acme/text: 1.2.0 }"),
		plugintest.Pack(t, "acme/one", "1.0.0"), plugintest.Pack(t, "acme/two", "1.0.0"),
		platforms(t, "acme/native", "1.0.0"), plugintest.Pack(t, "acme/alone", "1.0.0"),
	)
	return s
}

// text shows what was selected: "acme/base 1.0.0 1.1.0 | …".
func text(s *mirror.Set) string {
	var out []string
	for _, it := range s.Items {
		var line strings.Builder
		line.WriteString(strings.TrimPrefix(string(it.ID), "acme/"))
		for _, r := range it.Releases {
			line.WriteString(" " + r.Version.String())
		}
		out = append(out, line.String())
	}
	return strings.Join(out, " | ")
}

func host(points ...manifest.PointRef) *resolve.Host {
	return &resolve.Host{
		App: "acme", Version: version.MustParse("1.0.0"), Platform: manifest.Platform{OS: "linux", Arch: "amd64"},
		Runtimes: []string{manifest.RuntimeWasm, manifest.RuntimeProcess}, Points: points,
	}
}

var greeter = manifest.PointRef{ID: "acme.dev/greeter", Major: 1, Minor: 0}

func TestSelect(t *testing.T) {
	s := acme(t)
	linux := []manifest.Platform{{OS: "linux", Arch: "amd64"}}
	for _, c := range []struct {
		name string
		sel  mirror.Selection
		want string
	}{
		{"everything", mirror.Selection{}, "alone 1.0.0 | base 1.0.0 1.1.0 2.0.0 | choosy 1.0.0 | hello 1.0.0 1.1.0 2.0.0-rc.1 | native 1.0.0 | one 1.0.0 | text | texter 3.0.0 | two 1.0.0"},
		{"a range and what it needs", mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/hello@~1.1")}, "base 1.1.0 | hello 1.1.0"},
		{"a pre-release in range", mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/hello")}, "base 1.0.0 1.1.0 2.0.0 | hello 1.0.0 1.1.0 2.0.0-rc.1"},
		{"a name that is offered, and all alternatives", mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/choosy")}, "choosy 1.0.0 | one 1.0.0 | text | texter 3.0.0 | two 1.0.0"},
		{"a name that nobody published itself", mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/text")}, "text | texter 3.0.0"},
		{"one platform", mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/native", "acme/alone"), Platforms: linux}, "alone 1.0.0 | native 1.0.0"},
		{"for an application", mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/hello"), Host: host(greeter)}, "base 1.1.0 | hello 1.1.0"},
	} {
		set, err := mirror.Select(t.Context(), s.Client(), c.sel)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := text(set); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestSelectPlatformLeavesOutPackages(t *testing.T) {
	s := acme(t)
	set, err := mirror.Select(t.Context(), s.Client(), mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/native"), Platforms: []manifest.Platform{{OS: "darwin", Arch: "arm64"}}})
	if err != nil {
		t.Fatal(err)
	}
	if p := set.Items[0].Releases[0].Packages; len(p) != 1 || p[0].Platform.OS != "darwin" {
		t.Errorf("packages %v", p)
	}
	list, err := mirror.Parts(t.Context(), s.Client().Blobs("acme/native"), set.Items[0].Releases[0])
	if err != nil {
		t.Fatal(err)
	}
	// plugin.json, meta manifest; {} and payload and manifest of one package; the index
	if len(list) != 6 || list[5].MediaType != artifact.MediaIndex {
		t.Errorf("parts %+v", list)
	}
}

// TestSelectPlatformKeepsWhatIsForAll: scripts and files are for every platform.
func TestSelectPlatformKeepsWhatIsForAll(t *testing.T) {
	s := registrytest.New(t)
	publish(t, s, plugintest.PackFolder(t, plugintest.Folder(t, map[string]string{
		"plugin.yaml": "id: acme/bundle\nversion: 1.0.0\nruntimes: { command: { script: a.sh }, files: { folder: f }, process: { platforms: { linux/amd64: l } } }\n",
		"a.sh":        "#!/bin/sh", "f/x": "x", "l": "linux",
	})))
	set, err := mirror.Select(t.Context(), s.Client(), mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/bundle"), Platforms: []manifest.Platform{{OS: "darwin", Arch: "arm64"}}})
	if err != nil {
		t.Fatal(err)
	}
	if p := set.Items[0].Releases[0].Packages; len(p) != 2 || p[0].Platform != manifest.AnyPlatform || p[1].Platform != manifest.AnyPlatform {
		t.Errorf("packages %v", p)
	}
}

func TestSelectRefuses(t *testing.T) {
	s := acme(t)
	for _, c := range []struct {
		name string
		sel  mirror.Selection
		want error
	}{
		{"an unknown name", mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/nobody")}, index.ErrNotFound},
		{"an empty range", mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/hello@^7")}, mirror.ErrNothing},
		{"another platform", mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/native"), Platforms: []manifest.Platform{{OS: "plan9", Arch: "386"}}}, mirror.ErrNothing},
	} {
		if _, err := mirror.Select(t.Context(), s.Client(), c.sel); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	_, err := mirror.Select(t.Context(), s.Client(), mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/hello@^7"), Host: host(greeter)})
	if _, ok := errors.AsType[*resolve.Failure](err); !ok {
		t.Errorf("an application without a solution: %v", err)
	}
}

// many is a source whose search is full.
type many struct{ fetch.Source }

func (m many) Search(context.Context, index.Query) iter.Seq2[index.Hit, error] {
	return func(yield func(index.Hit, error) bool) {
		for i := range index.MaxLimit {
			if !yield(index.Hit{ID: manifest.ID(fmt.Sprintf("acme/p%d", i))}, nil) {
				return
			}
		}
	}
}

func TestWhatCannotBeListed(t *testing.T) {
	c := acme(t).Client()
	if _, err := mirror.Select(t.Context(), many{c}, mirror.Selection{}); !errors.Is(err, mirror.ErrCannotList) {
		t.Errorf("a full search: %v", err)
	}
	if _, err := mirror.Select(t.Context(), struct{ fetch.Source }{c}, mirror.Selection{}); !errors.Is(err, mirror.ErrCannotList) {
		t.Errorf("no search: %v", err)
	}
}

func TestYankedIsCopiedAndBlockedIsNot(t *testing.T) {
	s := acme(t)
	if _, err := s.Client().Yank(t.Context(), registry.Yank{ID: "acme/base", Version: version.MustParse("1.1.0"), Reason: "slow"}); err != nil {
		t.Fatal(err)
	}
	set, err := mirror.Select(t.Context(), blocking{s.Client(), "1.0.0"}, mirror.Selection{Wishes: mirrortest.Wishes(t, "acme/base")})
	if err != nil || text(set) != "base 1.1.0 2.0.0" {
		t.Errorf("%s, %v", text(set), err)
	}
}

// blocking says that a version is unsafe.
type blocking struct {
	*client.Client
	version string
}

func (b blocking) Raw(ctx context.Context, id manifest.ID) ([]byte, error) {
	p, err := b.Plugin(ctx, id)
	if err != nil {
		return nil, err
	}
	r, _ := p.Find(version.MustParse(b.version))
	r.State.Blocked = &index.Yank{Reason: "unsafe"}
	return p.Bytes()
}

// install fetches a plugin with what it needs and returns the versions.
func install(t *testing.T, from fetch.Source, wish string) (string, error) {
	t.Helper()
	x := fetch.OpenIndex(t.Context(), fetch.Sources{Default: from}, fetch.IndexOptions{})
	defer x.Close()
	sol, err := resolve.Solve(t.Context(), x, resolve.Problem{Wishes: mirrortest.Wishes(t, wish), Host: *host(greeter)})
	if err != nil {
		return "", err
	}
	got, err := fetch.Fetch(t.Context(), fetch.Sources{Default: from}, &mem.Store{}, sol.Choices, fetch.Options{})
	var out []string
	for _, f := range got {
		out = append(out, f.Choice.Name())
	}
	return strings.Join(out, ", "), err
}

func TestTreeServesAsTheRegistry(t *testing.T) {
	s := acme(t)
	dir := filepath.Join(t.TempDir(), "tree")
	rep := mirrortest.Copy(t, s.Client(), dir)
	if rep.Plugins != 8 || rep.Releases != 12 || !rep.Changed || rep.Added == 0 {
		t.Errorf("report %+v", rep)
	}
	web := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer web.Close()
	tree, err := static.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	far, err := client.New(web.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]fetch.Source{"registry": s.Client(), "folder": tree, "http": far} {
		for wish, want := range map[string]string{
			"acme/hello@^1.0": "acme/hello 1.1.0, acme/base 1.1.0", "acme/native": "acme/native 1.0.0",
			"acme/choosy": "acme/choosy 1.0.0, acme/texter 3.0.0, acme/one 1.0.0",
		} {
			if got, err := install(t, from, wish); err != nil || got != want {
				t.Errorf("%s: %s: got %s, %v, want %s", name, wish, got, err, want)
			}
		}
		if _, err := install(t, from, "acme/nobody"); !strings.Contains(fmt.Sprint(err), "unknown") && !errors.Is(err, index.ErrNotFound) {
			t.Errorf("%s: a name that nobody has: %v", name, err)
		}
	}
	for name := range mirrortest.Files(t, dir) {
		if strings.HasPrefix(filepath.Base(name), ".tmp-") {
			t.Errorf("%s was left", name)
		}
	}
}

func TestSecondRunAddsWhatIsNew(t *testing.T) {
	s := acme(t)
	dir := t.TempDir()
	mirrortest.Copy(t, s.Client(), dir)
	before := mirrortest.Files(t, dir)
	if rep := mirrortest.Copy(t, s.Client(), dir); rep.Changed || rep.Added != 0 {
		t.Errorf("nothing is new, and the report says %+v", rep)
	}
	publish(t, s, plugintest.Pack(t, "acme/alone", "1.1.0"))
	rep := mirrortest.Copy(t, s.Client(), dir)
	if rep.Added != 5 || !rep.Changed { // all parts of a release but README and {}, which are the same
		t.Errorf("one release is new, and the report says %+v", rep)
	}
	after := mirrortest.Files(t, dir)
	for name, b := range before {
		switch {
		case name == "index/v1/acme/alone", name == "index/v1/revision", name == "available.json":
			if after[name] == b {
				t.Errorf("%s is as it was", name)
			}
		case after[name] != b:
			t.Errorf("%s changed", name)
		}
	}
}

func TestPartOfARegistry(t *testing.T) {
	s := acme(t)
	dir := t.TempDir()
	mirrortest.Copy(t, s.Client(), dir, "acme/hello@1.0.0", "acme/base@1.0.0")
	tree, err := static.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := tree.Raw(t.Context(), "acme/hello")
	want, _ := s.Client().Document(t.Context(), "acme/hello", "")
	if err != nil || !bytes.Equal(raw, want.Bytes) {
		t.Errorf("the document is not verbatim, %v", err)
	}
	if got, err := install(t, tree, "acme/hello"); err != nil || got != "acme/hello 1.0.0, acme/base 1.1.0" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := install(t, tree, "acme/hello@^1.1"); !strings.Contains(fmt.Sprint(err), index.NotMirrored) {
		t.Errorf("a version that is not there: %v", err)
	}
	// A copy of the copy, and what is missing from the registry.
	other := t.TempDir()
	mirrortest.Copy(t, tree, other)
	a, b := mirrortest.Files(t, dir), mirrortest.Files(t, other)
	if len(a) != len(b) {
		t.Errorf("%d files became %d", len(a), len(b))
	}
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s differs in the copy of the copy", name)
		}
	}
	mirrortest.Copy(t, s.Client(), dir, "acme/hello@1.1.0")
	if got, err := install(t, tree, "acme/hello"); err != nil || got != "acme/hello 1.1.0, acme/base 1.1.0" {
		t.Errorf("the same tree after a second copy: %s, %v", got, err)
	}
}

package manifest_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode"

	"github.com/plugstead/plugstead/manifest"
)

func TestIDs(t *testing.T) {
	for _, s := range []string{"acme/hello", "a/b", "a1.b-c/d_e__f", "0/9"} {
		id, err := manifest.ParseID(s)
		if err != nil || id.Namespace()+"/"+id.Name() != s {
			t.Errorf("%s: %v, %v", s, id, err)
		}
	}
	for _, s := range []string{"", "acme", "/", "acme/", "/x", "Acme/x", "a/b/c", "a..b/c", "-a/b", "a-/b", "a/../b", "a/b\n", "ä/b", strings.Repeat("a", 65) + "/b"} {
		if _, err := manifest.ParseID(s); !errors.Is(err, manifest.ErrSyntax) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestPointRefs(t *testing.T) {
	for _, s := range []string{"acme.dev/greeter@1.2", "folio.example.org/transform@0.0", "x@9999.0"} {
		p, err := manifest.ParsePointRef(s)
		if err != nil || p.String() != s {
			t.Errorf("%s: %v, %v", s, p, err)
		}
	}
	for _, s := range []string{"acme.dev/greeter", "acme.dev/greeter@1", "acme.dev/greeter@1.02", "acme.dev/greeter@1.2.3", "Acme@1.0", "a b@1.0", "@1.0", "x@10000.0", "x@-1.0", "../x@1.0"} {
		if _, err := manifest.ParsePointRef(s); !errors.Is(err, manifest.ErrSyntax) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestCapabilities(t *testing.T) {
	for s, words := range map[string]string{
		"net:api.example.org:443":      "connect to api.example.org:443",
		"net:*.example.org:*":          "connect to *.example.org on any port",
		"net:[::1]:80":                 "connect to [::1]:80",
		"fs:ro:assets":                 "read files under assets",
		"fs:rw:cache/x":                "read and write files under cache/x",
		"env:HOME":                     "read the environment variable HOME",
		"host:folio.example.org/store": "use the application's service folio.example.org/store",
		"run:git":                      "run the program git",
	} {
		c, err := manifest.ParseCapability(s)
		if err != nil || c.Describe() != words {
			t.Errorf("%s: %q, %v", s, c.Describe(), err)
		}
	}
	for _, s := range []string{"", "net", "net:", "net:x", "net:x:0", "net:x:99999", "net:x:y", "net:a b:1", "fs:ro:", "fs:x:y", "fs:ro:../x", "env:1", "host:X", "run:/bin/sh", "root:all", "net:[zz]:1"} {
		if _, err := manifest.ParseCapability(s); !errors.Is(err, manifest.ErrSyntax) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestPlatforms(t *testing.T) {
	if p, err := manifest.ParsePlatform("linux/amd64"); err != nil || p.String() != "linux/amd64" {
		t.Error(p, err)
	}
	for _, s := range []string{"", "linux", "Linux/amd64", "linux/amd64/v1", "/"} {
		if _, err := manifest.ParsePlatform(s); err == nil {
			t.Errorf("%q accepted", s)
		}
	}
}

// TestEntries: what is not made for one platform is found under that of all.
func TestEntries(t *testing.T) {
	linux := manifest.Platform{OS: "linux", Arch: "amd64"}
	script := manifest.Runtimes{Command: &manifest.CommandRuntime{Script: "a.sh"}, Files: &manifest.FilesRuntime{Folder: "theme"}}
	native := manifest.Runtimes{Command: &manifest.CommandRuntime{Platforms: map[string]string{"linux/amd64": "a"}}}
	for _, c := range []struct {
		r       manifest.Runtimes
		runtime string
		on      manifest.Platform
		want    string
	}{
		{script, manifest.RuntimeCommand, manifest.AnyPlatform, "a.sh"},
		{script, manifest.RuntimeCommand, linux, ""},
		{script, manifest.RuntimeFiles, manifest.AnyPlatform, "theme"},
		{script, manifest.RuntimeFiles, linux, ""},
		{native, manifest.RuntimeCommand, linux, "a"},
		{native, manifest.RuntimeCommand, manifest.AnyPlatform, ""},
		{native, manifest.RuntimeFiles, manifest.AnyPlatform, ""},
	} {
		if got, ok := c.r.Entry(c.runtime, c.on); got != c.want || ok != (c.want != "") {
			t.Errorf("%s on %s: %q, %v", c.runtime, c.on, got, ok)
		}
	}
	if got := fmt.Sprint(script.Names(), script.Platforms(), native.Names(), native.Platforms()); got != "[command files] [any/any] [command] [linux/amd64]" {
		t.Error(got)
	}
	for p, fits := range map[manifest.Platform]bool{manifest.AnyPlatform: true, manifest.WasmPlatform: true, linux: true, {OS: "linux", Arch: "arm64"}: false} {
		if p.Fits(linux) != fits || p.Everywhere() != (fits && p != linux) {
			t.Errorf("%s: %v, %v", p, p.Fits(linux), p.Everywhere())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	ok := `{"id":"a/b","version":"1.0.0","runtimes":{"wasm":{"module":"m.wasm"}}}`
	if _, err := manifest.Parse([]byte(ok)); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"unknown key":           strings.Replace(ok, `"id"`, `"x":1,"id"`, 1),
		"repeated key":          strings.Replace(ok, `"id"`, `"id":"a/c","id"`, 1),
		"case variant":          strings.Replace(ok, `"id"`, `"ID":"a/c","id"`, 1),
		"other case":            strings.Replace(ok, `"id"`, `"ID"`, 1),
		"null":                  strings.Replace(ok, `"id"`, `"summary":null,"id"`, 1),
		"null host":             strings.Replace(ok, `"id"`, `"host":{"folio":null},"id"`, 1),
		"null range":            strings.Replace(ok, `"runtimes"`, `"requires":[{"id":"a/c","range":null}],"runtimes"`, 1),
		"no range":              strings.Replace(ok, `"runtimes"`, `"requires":[{"id":"a/c"}],"runtimes"`, 1),
		"no range either":       strings.Replace(ok, `"runtimes"`, `"conflicts":[{"id":"a/c"}],"runtimes"`, 1),
		"no range in any_of":    strings.Replace(ok, `"runtimes"`, `"any_of":[[{"id":"a/c","range":"*"},{"id":"a/d"}]],"runtimes"`, 1),
		"options in any_of":     strings.Replace(ok, `"runtimes"`, `"any_of":[[{"id":"a/c","range":"*"},{"id":"a/d","range":"*","init":true}]],"runtimes"`, 1),
		"repeated in any_of":    strings.Replace(ok, `"runtimes"`, `"any_of":[[{"id":"a/c","range":"*"},{"id":"a/c","range":"1"}]],"runtimes"`, 1),
		"flat any_of":           strings.Replace(ok, `"runtimes"`, `"any_of":[{"id":"a/c","range":"*"},{"id":"a/d","range":"1"}],"runtimes"`, 1),
		"empty entry of any_of": strings.Replace(ok, `"runtimes"`, `"any_of":[[]],"runtimes"`, 1),
		"options in conflicts":  strings.Replace(ok, `"runtimes"`, `"conflicts":[{"id":"a/c","range":"*","optional":true}],"runtimes"`, 1),
		"offer without version": strings.Replace(ok, `"runtimes"`, `"offers":[{"id":"a/c"}],"runtimes"`, 1),
		"offer of a range":      strings.Replace(ok, `"runtimes"`, `"offers":[{"id":"a/c","version":"1"}],"runtimes"`, 1),
		"repeated offer":        strings.Replace(ok, `"runtimes"`, `"offers":[{"id":"a/c","version":"1.0.0"},{"id":"a/c","version":"2.0.0"}],"runtimes"`, 1),
		"own offer":             strings.Replace(ok, `"runtimes"`, `"offers":[{"id":"a/b","version":"1.0.0"}],"runtimes"`, 1),
		"half a pair":           strings.Replace(ok, `"runtimes"`, `"summary":"\ud800","runtimes"`, 1),
		"hook of no point":      strings.Replace(ok, `"runtimes"`, `"hooks":[{"point":"a.b/c"}],"runtimes"`, 1),
		"large priority":        strings.Replace(ok, `"runtimes"`, `"provides":[{"id":"a.b/c","major":1,"minor":0}],"hooks":[{"point":"a.b/c","priority":1001}],"runtimes"`, 1),
		"before itself":         strings.Replace(ok, `"runtimes"`, `"provides":[{"id":"a.b/c","major":1,"minor":0}],"hooks":[{"point":"a.b/c","before":["a/b"]}],"runtimes"`, 1),
		"before twice":          strings.Replace(ok, `"runtimes"`, `"provides":[{"id":"a.b/c","major":1,"minor":0}],"hooks":[{"point":"a.b/c","before":["a/c","a/c"]}],"runtimes"`, 1),
		"before and after":      strings.Replace(ok, `"runtimes"`, `"provides":[{"id":"a.b/c","major":1,"minor":0}],"hooks":[{"point":"a.b/c","before":["a/c"],"after":["a/c"]}],"runtimes"`, 1),
		"after no plugin":       strings.Replace(ok, `"runtimes"`, `"provides":[{"id":"a.b/c","major":1,"minor":0}],"hooks":[{"point":"a.b/c","after":["c"]}],"runtimes"`, 1),
		"hook twice":            strings.Replace(ok, `"runtimes"`, `"provides":[{"id":"a.b/c","major":1,"minor":0}],"hooks":[{"point":"a.b/c"},{"point":"a.b/c"}],"runtimes"`, 1),
		"large state":           strings.Replace(ok, `"runtimes"`, `"state":{"version":10000},"runtimes"`, 1),
		"reserved name":         strings.Replace(ok, "m.wasm", "NUL", 1),
		"unseen character":      strings.Replace(ok, "m.wasm", "m\u200b.wasm", 1),
		"escaping path":         strings.Replace(ok, "m.wasm", "../m.wasm", 1),
		"backslash":             strings.Replace(ok, "m.wasm", `a\\m.wasm`, 1),
		"bad id":                strings.Replace(ok, "a/b", "a", 1),
		"trailing data":         ok + ok,
		"no JSON":               "plugin",
		"too large":             `{"id":"` + strings.Repeat("a", manifest.MaxJSON) + `"}`,
		"repeated need":         strings.Replace(ok, `"runtimes"`, `"requires":[{"id":"a/c","range":"*"},{"id":"a/c","range":"*"}],"runtimes"`, 1),
		"empty range":           strings.Replace(ok, `"runtimes"`, `"requires":[{"id":"a/c","range":">2 <1"}],"runtimes"`, 1),
		"control in text":       strings.Replace(ok, `"runtimes"`, `"summary":"a\u0007b","runtimes"`, 1),
		"bidi in text":          strings.Replace(ok, `"runtimes"`, `"summary":"a\u202eb","runtimes"`, 1),
		"no platform":           strings.Replace(ok, `{"wasm":{"module":"m.wasm"}}`, `{"process":{"platforms":{}}}`, 1),
		"bad platform":          strings.Replace(ok, `{"wasm":{"module":"m.wasm"}}`, `{"process":{"platforms":{"LINUX":"x"}}}`, 1),
		"platform for all":      strings.Replace(ok, `{"wasm":{"module":"m.wasm"}}`, `{"process":{"platforms":{"any/any":"x"}}}`, 1),
		"command of nothing":    strings.Replace(ok, `{"wasm":{"module":"m.wasm"}}`, `{"command":{}}`, 1),
		"command of no system":  strings.Replace(ok, `{"wasm":{"module":"m.wasm"}}`, `{"command":{"platforms":{}}}`, 1),
		"command of both":       strings.Replace(ok, `{"wasm":{"module":"m.wasm"}}`, `{"command":{"script":"a","platforms":{"linux/amd64":"a"}}}`, 1),
		"escaping script":       strings.Replace(ok, `{"wasm":{"module":"m.wasm"}}`, `{"command":{"script":"/bin/sh"}}`, 1),
		"files of nothing":      strings.Replace(ok, `{"wasm":{"module":"m.wasm"}}`, `{"files":{}}`, 1),
		"escaping folder":       strings.Replace(ok, `{"wasm":{"module":"m.wasm"}}`, `{"files":{"folder":".."}}`, 1),
		"negative state":        strings.Replace(ok, `"runtimes"`, `"state":{"version":-1},"runtimes"`, 1),
		"point twice":           strings.Replace(ok, `"runtimes"`, `"provides":[{"id":"x","major":1,"minor":0},{"id":"x","major":1,"minor":2}],"runtimes"`, 1),
		"keyword twice":         strings.Replace(ok, `"runtimes"`, `"keywords":["x","x"],"runtimes"`, 1),
		"capability twice":      strings.Replace(ok, `"runtimes"`, `"capabilities":["run:x","run:x"],"runtimes"`, 1),
	} {
		if _, err := manifest.Parse([]byte(bad)); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}

// TestCanonicalJSON reads what JSON writes and gets the same bytes again.
func TestCanonicalJSON(t *testing.T) {
	for name, b := range files(t, "valid") {
		m, err := manifest.ParseYAML(name, b)
		if err != nil {
			t.Fatal(err)
		}
		first, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := manifest.Parse(first)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if second, err := again.JSON(); err != nil || string(second) != string(first) {
			t.Errorf("%s:\n%s\n%s", name, first, second)
		}
	}
	want := `{"id":"acme/hello","version":"1.0.0","provides":[{"id":"acme.dev/greeter","major":1,"minor":10}],` +
		`"runtimes":{"wasm":{"module":"hello.wasm"}}}`
	m, err := manifest.ParseYAML("plugin.yaml", files(t, "valid")["small.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.JSON(); err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestHugeLists sees that no entry of a list beyond the limit is looked at: comparing
// each with all others would let one file keep a server busy.
func TestHugeLists(t *testing.T) {
	list := func(entry string) string {
		return "[" + strings.Repeat(entry+",", 20000) + entry + "]"
	}
	for key, value := range map[string]string{
		"keywords": list(`"a"`), "files": list(`"a"`), "capabilities": list(`"a"`), "provides": list(`{}`),
		"requires": list(`{"range":"1"}`), "conflicts": list(`{"range":"1"}`), "any_of": list(`[]`), "offers": list(`{}`), "hooks": list(`{}`),
		"any_of.1": "",
	} {
		field := key
		if field == "any_of.1" {
			field, value = "any_of", "["+list(`{"range":"1"}`)+"]"
		}
		text := fmt.Sprintf(`{"id":"a/b","version":"1.0.0","runtimes":{"wasm":{"module":"m.wasm"}},%q:%s}`, field, value)
		_, err := manifest.Parse([]byte(text))
		list, ok := errors.AsType[manifest.Errors](err)
		if !ok || len(list) != 1 || list[0].Key != key || !strings.Contains(err.Error(), "entries, more than the limit of") {
			t.Errorf("%s: %.200v", key, err)
		}
	}
}

func TestDescribeIsSafe(t *testing.T) {
	if got := manifest.Capability("net:x\x1b[31m:1").Describe(); strings.ContainsRune(got, '\x1b') {
		t.Errorf("%q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":"a/b","version":"1.0.0","runtimes":{"wasm":{"module":"m.wasm"}}}`))
	for _, b := range files(f, "valid") {
		m, err := manifest.ParseYAML("plugin.yaml", b)
		if err != nil {
			f.Fatal(err)
		}
		raw, err := m.JSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := manifest.Parse(b)
		if err != nil {
			return
		}
		raw, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := manifest.Parse(raw)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if second, err := again.JSON(); err != nil || string(second) != string(raw) {
			t.Fatalf("%s became %s", raw, second)
		}
	})
}

func FuzzParseCapability(f *testing.F) {
	for _, s := range []string{"net:x:1", "net:[::1]:*", "fs:ro:a/b", "fs:rw:a", "env:A", "host:x.y/z", "run:git", "net:[::1%a]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := manifest.ParseCapability(s)
		words := c.Describe()
		if err == nil && (string(c) != s || !strings.Contains(words, " ")) {
			t.Fatalf("%q: %q, %q", s, c, words)
		}
		if strings.ContainsFunc(words, unicode.IsControl) {
			t.Fatalf("%q: %q cannot be shown", s, words)
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"acme/hello", "a__b/c--d", "a/b/c", "A/b", "/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := manifest.ParseID(s)
		if err != nil {
			return
		}
		if string(id) != s || id.Namespace()+"/"+id.Name() != s || strings.Contains(id.Name(), "/") || !fs.ValidPath(s) {
			t.Fatalf("%q became %q", s, id)
		}
	})
}

func FuzzParsePointRef(f *testing.F) {
	for _, s := range []string{"acme.dev/greeter@1.2", "x@0.0", "x@01.0", "@", "a@b@1.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := manifest.ParsePointRef(s); err == nil && p.String() != s {
			t.Fatalf("%q became %q", s, p)
		}
		if p, err := manifest.ParsePlatform(s); err == nil && p.String() != s {
			t.Fatalf("%q became %q", s, p)
		}
	})
}

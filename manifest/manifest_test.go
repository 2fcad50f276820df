package manifest_test

import (
	"errors"
	"strings"
	"testing"

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

func TestParseRefuses(t *testing.T) {
	ok := `{"id":"a/b","version":"1.0.0","runtimes":{"wasm":{"module":"m.wasm"}}}`
	if _, err := manifest.Parse([]byte(ok)); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"unknown key":      strings.Replace(ok, `"id"`, `"x":1,"id"`, 1),
		"repeated key":     strings.Replace(ok, `"id"`, `"id":"a/c","id"`, 1),
		"case variant":     strings.Replace(ok, `"id"`, `"ID":"a/c","id"`, 1),
		"escaping path":    strings.Replace(ok, "m.wasm", "../m.wasm", 1),
		"backslash":        strings.Replace(ok, "m.wasm", `a\\m.wasm`, 1),
		"bad id":           strings.Replace(ok, "a/b", "a", 1),
		"trailing data":    ok + ok,
		"no JSON":          "plugin",
		"too large":        `{"id":"` + strings.Repeat("a", manifest.MaxJSON) + `"}`,
		"repeated need":    strings.Replace(ok, `"runtimes"`, `"requires":[{"id":"a/c","range":"*"},{"id":"a/c","range":"*"}],"runtimes"`, 1),
		"empty range":      strings.Replace(ok, `"runtimes"`, `"requires":[{"id":"a/c","range":">2 <1"}],"runtimes"`, 1),
		"control in text":  strings.Replace(ok, `"runtimes"`, `"summary":"a\u0007b","runtimes"`, 1),
		"bidi in text":     strings.Replace(ok, `"runtimes"`, `"summary":"a\u202eb","runtimes"`, 1),
		"no platform":      strings.Replace(ok, `{"wasm":{"module":"m.wasm"}}`, `{"process":{"platforms":{}}}`, 1),
		"bad platform":     strings.Replace(ok, `{"wasm":{"module":"m.wasm"}}`, `{"process":{"platforms":{"LINUX":"x"}}}`, 1),
		"negative state":   strings.Replace(ok, `"runtimes"`, `"state":{"version":-1},"runtimes"`, 1),
		"point twice":      strings.Replace(ok, `"runtimes"`, `"provides":[{"id":"x","major":1,"minor":0},{"id":"x","major":1,"minor":2}],"runtimes"`, 1),
		"keyword twice":    strings.Replace(ok, `"runtimes"`, `"keywords":["x","x"],"runtimes"`, 1),
		"capability twice": strings.Replace(ok, `"runtimes"`, `"capabilities":["run:x","run:x"],"runtimes"`, 1),
	} {
		if _, err := manifest.Parse([]byte(bad)); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":"a/b","version":"1.0.0","runtimes":{"wasm":{"module":"m.wasm"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := manifest.Parse(b)
		if err != nil {
			return
		}
		raw, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := manifest.Parse(raw); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
	})
}

func FuzzParseCapability(f *testing.F) {
	f.Add("net:x:1")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := manifest.ParseCapability(s); err == nil && c.Describe() == "" {
			t.Fatalf("%q has no description", s)
		}
		manifest.ParseID(s)
		manifest.ParsePointRef(s)
		manifest.ParsePlatform(s)
	})
}

package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/version"
)

func described(methods ...Method) *Manifest {
	return &Manifest{
		ID: "acme/a", Version: version.MustParse("1.0.0"), Summary: "x", Runtimes: Runtimes{Wasm: &WasmRuntime{Module: "a.wasm"}},
		Provides: []PointRef{{ID: "acme.dev/p", Major: 1, Minor: 2}}, Built: &Built{Methods: methods},
	}
}

func TestBuilt(t *testing.T) {
	good := Method{Path: "/acme.dev/p.v1/Do", Minor: 2, Fingerprint: "0123456789abcdef"}
	m := described(good, Method{Path: "/acme.dev/q.v0/Other", Kind: 3})
	m.Built.Config = `{"type":"object"}`
	b, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if x, ok := back.Built.Method(good.Path); !ok || x != good || back.Built.Config != m.Built.Config {
		t.Errorf("%+v", back.Built)
	}
	if again, err := back.JSON(); err != nil || string(again) != string(b) {
		t.Errorf("%s became %s, %v", b, again, err)
	}
	if _, ok := (*Built)(nil).Method(good.Path); ok {
		t.Error("a method of nothing")
	}
	many := make([]Method, MaxMethods+1)
	for i := range many {
		many[i] = Method{Path: fmt.Sprintf("/acme.dev/p.v1/M%05d", i)}
	}
	for name, bad := range map[string]*Manifest{
		"no path":            described(Method{Path: "Do"}),
		"a space":            described(Method{Path: "/acme.dev/p.v1/D o"}),
		"twice":              described(good, good),
		"order":              described(Method{Path: "/acme.dev/p.v1/X"}, good),
		"minor":              described(Method{Path: good.Path, Minor: -1}),
		"kind":               described(Method{Path: good.Path, Kind: 4}),
		"fingerprint":        described(Method{Path: good.Path, Fingerprint: "xyz"}),
		"a point is missing": described(Method{Path: "/acme.dev/q.v1/Do"}),
		"an older minor":     described(Method{Path: good.Path, Minor: 1}),
		"another major":      described(Method{Path: "/acme.dev/p.v2/Do"}),
		"no methods":         described(),
		"too many":           described(many...),
	} {
		if err := bad.Validate(); err == nil {
			t.Errorf("%s: valid", name)
		}
	}
	for _, config := range []string{"x", "null", "[]", `"` + strings.Repeat("x", MaxSchema) + `"`} {
		m := described(good)
		m.Built.Config = config
		if err := m.Validate(); err == nil {
			t.Errorf("schema %.20q: valid", config)
		}
	}
	if _, err := ParseYAML("plugin.yaml", []byte("id: a/b\nversion: 1.0.0\nbuilt: { methods: [] }\nruntimes: { wasm: { module: a.wasm } }\n")); err == nil {
		t.Error("plugin.yaml says what the build is to say")
	}
}

func TestFits(t *testing.T) {
	host := func(path string, since int, optional bool) HostMethod {
		return HostMethod{Method: Method{Path: "/acme.dev/p." + path, Minor: 2, Fingerprint: "aaaaaaaaaaaaaaaa"}, Since: since, Optional: optional}
	}
	methods := []HostMethod{host("v1/Do", 0, false), host("v1/Extra", 0, true), host("v1/New", 2, false), host("v1/Newest", 3, false), host("v2/Do", 0, false)}
	do := Method{Path: "/acme.dev/p.v1/Do", Minor: 2, Fingerprint: "aaaaaaaaaaaaaaaa"}
	other := Method{Path: "/acme.dev/p.v1/New", Minor: 2}
	change := func(f func(*Method)) Method { x := do; f(&x); return x }
	for name, c := range map[string]struct {
		methods []Method
		want    []string
	}{
		"all":                {[]Method{do, other}, nil},
		"one missing":        {[]Method{do}, []string{"/acme.dev/p.v1/New is missing"}},
		"all missing":        {[]Method{}, []string{"/acme.dev/p.v1/Do is missing", "/acme.dev/p.v1/New is missing"}},
		"types":              {[]Method{change(func(m *Method) { m.Fingerprint = "bbbbbbbbbbbbbbbb" }), other}, []string{"/acme.dev/p.v1/Do has other types than in the application, which has minor version 2 of the point too"}},
		"types, older minor": {[]Method{change(func(m *Method) { m.Fingerprint, m.Minor = "bbbbbbbbbbbbbbbb", 1 }), other}, nil},
		"types not known":    {[]Method{change(func(m *Method) { m.Fingerprint = "" }), other}, nil},
		"kind":               {[]Method{change(func(m *Method) { m.Kind = 1 }), other}, []string{"/acme.dev/p.v1/Do is of kind 1, and 0 in the application"}},
	} {
		err := described(c.methods...).Fits(methods)
		e, _ := errors.AsType[*MethodsError](err)
		if (c.want == nil) != (err == nil) || err != nil && (!errors.Is(err, ErrMethods) || e == nil || !slices.Equal(e.Why, c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unknown := described()
	unknown.Built = nil
	if err := unknown.Fits(methods); err != nil {
		t.Errorf("nothing is known: %v", err)
	}
	if err := described(do).Fits(nil); err != nil {
		t.Errorf("another application: %v", err)
	}
}

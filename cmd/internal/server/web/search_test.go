package web

import (
	"net/url"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/plugstead/plugstead/manifest"
)

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"", "q=hello", "q=%ff", "point=acme.dev/greeter&runtime=wasm", "point=%00", "runtime=cobol", "q=a;b&%", "q=+&q=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, _ := url.ParseQuery(s)
		q, problem := parseQuery(v)
		if len(q.Text) > maxText || !utf8.ValidString(q.Text) || q.Point != "" && manifest.CheckPointID(q.Point) != nil {
			if problem == "" {
				t.Fatalf("%q is taken as %+v", s, q)
			}
		}
		if q.Runtime != "" && !slices.Contains(manifest.PackageRuntimes(), q.Runtime) && problem == "" {
			t.Fatalf("%q asks for runtime %q", s, q.Runtime)
		}
	})
}

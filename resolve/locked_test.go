package resolve_test

import (
	"testing"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

func benchHost() resolve.Host {
	return resolve.Host{
		App: "acme", Version: version.MustParse("2.4.0"), Points: []manifest.PointRef{{ID: "acme.dev/greeter", Major: 1, Minor: 2}},
		Platform: manifest.Platform{OS: "linux", Arch: "amd64"}, Runtimes: []string{"wasm", "process"},
	}
}

func BenchmarkCheck(b *testing.B) {
	l, h := benchLock(150), benchHost()
	for b.Loop() {
		if errs := l.Check(h, l.Requests); len(errs) > 0 {
			b.Fatal(errs[0])
		}
	}
}

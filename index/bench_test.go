package index_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
)

// releases is a document as a registry writes it: n releases, each with two needs and
// one package.
func releases(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"v":1,"id":"acme/hello","summary":"Says hello","license":"MIT","keywords":["greeting"]}` + "\n")
	for i := range n {
		d := artifact.DigestOf([]byte{byte(i), byte(i >> 8)})
		fmt.Fprintf(&b, `{"r":{"id":"acme/hello","version":"1.%d.0","provides":[{"id":"acme.dev/greeter","major":1,"minor":0}],"host":{"acme":">=2 <3"},`+
			`"requires":[{"id":"acme/base","range":"^1.%d"},{"id":"acme/fonts","range":">=2.1 <4","optional":true}],"digest":%q,"size":1234,"time":"2026-01-02T03:04:05Z",`+
			`"packages":[{"runtime":"wasm","platform":{"os":"wasip1","architecture":"wasm"},"manifest":{"digest":%q,"size":567},"payload":{"digest":%q,"size":89012}}]},"s":{}}`+"\n", i, i/8, d, d, d)
	}
	return []byte(b.String())
}

// BenchmarkParse reads documents of plugins with few and with many releases.
func BenchmarkParse(b *testing.B) {
	for _, n := range []int{10, 1000} {
		doc := releases(n)
		b.Run(fmt.Sprintf("releases=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p, err := index.Parse("acme/hello", doc); err != nil || len(p.Releases) != n {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/release")
		})
	}
}

// BenchmarkReadCompiled reads the same documents from their compiled form.
func BenchmarkReadCompiled(b *testing.B) {
	for _, n := range []int{10, 1000} {
		doc := releases(n)
		p, err := index.Parse("acme/hello", doc)
		if err != nil {
			b.Fatal(err)
		}
		compiled, err := p.Compile()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("releases=%d", n), func(b *testing.B) {
			shared := new(index.Ranges)
			b.ReportAllocs()
			for b.Loop() {
				if p, err := index.ReadCompiled(compiled, shared); err != nil || len(p.Releases) != n {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/release")
		})
	}
}

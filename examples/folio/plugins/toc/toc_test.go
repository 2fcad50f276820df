package toc_test

import (
	"strings"
	"testing"

	"github.com/plugstead/plugstead/sdk/sdktest"

	"folio.example.org/points"
	_ "toc.example.org"
)

func TestTransform(t *testing.T) {
	c := sdktest.Start(t, "folio/toc", sdktest.Options{})
	for in, want := range map[string]string{
		`<h1 id="a">A &amp; <em>b</em></h1><h2 id="c">C</h2>`: `<li class="h1"><a href="#a">A &amp; b</a></li>`,
		`<h1 id="a">A</h1>`:                        "",
		`<h1>A</h1><h2>B</h2>`:                     "",
		`<h1 id="a">A</h1><h2 id="b">B`:            "",
		`<p>no headings</p>`:                       "",
		`<h1 id="a&quot;">A</h1><h2 id="b">B</h2>`: `href="#a&#34;"`,
	} {
		p, err := points.Transform.Call(t.Context(), c, points.Page{HTML: []byte(in)})
		if err != nil || !strings.HasSuffix(string(p.HTML), in) {
			t.Fatalf("%s: %s, %v", in, p.HTML, err)
		}
		if got := strings.TrimSuffix(string(p.HTML), in); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

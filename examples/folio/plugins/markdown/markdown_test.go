package markdown_test

import (
	"testing"

	"github.com/plugstead/plugstead/sdk/sdktest"

	"folio.example.org/points"
	_ "markdown.example.org"
)

func TestRender(t *testing.T) {
	p := sdktest.Start(t, "folio/markdown", sdktest.Options{})
	f, err := points.Render.Call(t.Context(), p, points.Document{Source: []byte("# A *b* c\n\ntext\n")})
	if err != nil || f.Title != "A b c" || string(f.HTML) != "<h1 id=\"a-b-c\">A <em>b</em> c</h1>\n<p>text</p>\n" {
		t.Fatalf("%+v %s %v", f, f.HTML, err)
	}
}

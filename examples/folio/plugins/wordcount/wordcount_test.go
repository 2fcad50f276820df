package wordcount_test

import (
	"testing"

	"github.com/plugstead/plugstead/sdk/sdktest"

	"folio.example.org/points"
	_ "wordcount.example.org"
)

func TestTransform(t *testing.T) {
	c := sdktest.Start(t, "folio/wordcount", sdktest.Options{})
	in := "<h1 id=\"no words\">One two</h1>\n<p>three</p>\n"
	p, err := points.Transform.Call(t.Context(), c, points.Page{HTML: []byte(in)})
	if want := in + "<p class=\"wordcount\">3 words</p>\n"; err != nil || string(p.HTML) != want {
		t.Fatalf("%s, %v", p.HTML, err)
	}
}

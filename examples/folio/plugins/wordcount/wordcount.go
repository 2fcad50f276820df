// Package wordcount is a folio plugin that counts words.
package wordcount

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"golang.org/x/net/html"

	"github.com/plugstead/plugstead/sdk"

	"folio.example.org/points"
)

func init() { sdk.Register("folio/wordcount", points.Transform.Handle(transform)) }

func transform(_ context.Context, p points.Page) (points.Page, error) {
	n, err := count(p.HTML)
	if err != nil {
		return p, err
	}
	p.HTML = fmt.Appendf(bytes.Clone(p.HTML), "<p class=\"wordcount\">%d words</p>\n", n)
	return p, nil
}

// count counts the words of the text, not those of tags.
func count(src []byte) (n int, err error) {
	z := html.NewTokenizer(bytes.NewReader(src))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if z.Err() == io.EOF {
				return n, nil
			}
			return n, z.Err()
		case html.TextToken:
			n += len(bytes.Fields(z.Text()))
		}
	}
}

// Package toc is a folio plugin that adds a table of contents.
package toc

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"io"
	"strings"

	nethtml "golang.org/x/net/html"

	"github.com/plugstead/plugstead/sdk"

	"folio.example.org/points"
)

func init() { sdk.Register("folio/toc", points.Transform.Handle(transform)) }

// minHeadings is how many headings make a table worth having.
const minHeadings = 2

func transform(_ context.Context, p points.Page) (points.Page, error) {
	list, err := headings(p.HTML)
	if err != nil || len(list) < minHeadings {
		return p, err
	}
	var b bytes.Buffer
	b.WriteString("<nav class=\"toc\">\n<ul>\n")
	for _, h := range list {
		fmt.Fprintf(&b, "<li class=\"%s\"><a href=\"#%s\">%s</a></li>\n", h.level, html.EscapeString(h.id), html.EscapeString(h.text))
	}
	b.WriteString("</ul>\n</nav>\n")
	b.Write(p.HTML)
	p.HTML = b.Bytes()
	return p, nil
}

type heading struct{ level, id, text string }

// headings lists the headings that have an id.
func headings(src []byte) ([]heading, error) {
	var out []heading
	var open *heading
	z := nethtml.NewTokenizer(bytes.NewReader(src))
	for {
		switch kind := z.Next(); kind {
		case nethtml.ErrorToken:
			if z.Err() == io.EOF {
				return out, nil
			}
			return nil, z.Err()
		case nethtml.TextToken:
			if open != nil {
				open.text += string(z.Text())
			}
		case nethtml.StartTagToken:
			t := z.Token()
			if id := attribute(t, "id"); level(t.Data) && id != "" {
				open = &heading{level: t.Data, id: id}
			}
		case nethtml.EndTagToken:
			if t := z.Token(); open != nil && t.Data == open.level {
				open.text = strings.TrimSpace(html.UnescapeString(open.text))
				out = append(out, *open)
				open = nil
			}
		}
	}
}

func level(tag string) bool { return len(tag) == 2 && tag[0] == 'h' && tag[1] >= '1' && tag[1] <= '6' }

func attribute(t nethtml.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

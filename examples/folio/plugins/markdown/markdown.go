// Package markdown is a folio plugin that renders Markdown with goldmark.
package markdown

import (
	"bytes"
	"context"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/plugstead/plugstead/sdk"

	"folio.example.org/points"
)

func init() { sdk.Register("folio/markdown", points.Render.Handle(render)) }

var engine = goldmark.New(goldmark.WithParserOptions(parser.WithAutoHeadingID()), goldmark.WithExtensions(extensions...))

func render(_ context.Context, d points.Document) (points.Fragment, error) {
	root := engine.Parser().Parse(text.NewReader(d.Source))
	var out bytes.Buffer
	if err := engine.Renderer().Render(&out, d.Source, root); err != nil {
		return points.Fragment{}, err
	}
	return points.Fragment{Title: title(root, d.Source), HTML: out.Bytes()}, nil
}

// title is the text of the first heading.
func title(root ast.Node, source []byte) string {
	var out string
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if h, ok := n.(*ast.Heading); ok && entering {
			out = words(h, source)
			return ast.WalkStop, nil
		}
		return ast.WalkContinue, nil
	})
	return out
}

func words(n ast.Node, source []byte) string {
	var b bytes.Buffer
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

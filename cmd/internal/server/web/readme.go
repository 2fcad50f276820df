package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// maxReadme is the number of bytes of a README that are shown.
const maxReadme = 64 << 10

// idPrefix keeps the ids that a README makes apart from ours.
const idPrefix = "readme-"

// markdown renders GitHub's kind of Markdown. Raw HTML is dropped.
var markdown = goldmark.New(
	goldmark.WithExtensions(
		extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
		extension.Strikethrough, extension.Linkify,
	),
	goldmark.WithParserOptions(
		parser.WithAutoHeadingID(),
		parser.WithASTTransformers(util.Prioritized(tamer{}, 1000)),
	),
	goldmark.WithRendererOptions(html.WithXHTML()),
)

// sanitiser lets through what markdown makes and nothing else.
var sanitiser = newSanitiser()

var (
	hrefPattern  = regexp.MustCompile(`^(?i:https?://|mailto:|#` + idPrefix + `)`)
	idPattern    = regexp.MustCompile(`^` + idPrefix + `[A-Za-z0-9_-]+$`)
	startPattern = regexp.MustCompile(`^[0-9]{1,9}$`)
	alignPattern = regexp.MustCompile(`^(?:left|right|center)$`)
)

func newSanitiser() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "ul", "ol", "li", "strong", "em", "del", "code", "pre",
		"blockquote", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("href").Matching(hrefPattern).OnElements("a")
	p.AllowAttrs("id").Matching(idPattern).OnElements("h2", "h3", "h4", "h5", "h6")
	p.AllowAttrs("start").Matching(startPattern).OnElements("ol")
	p.AllowAttrs("align").Matching(alignPattern).OnElements("th", "td")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true) // for fragments; hrefPattern refuses the others
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnFullyQualifiedLinks(true)
	p.RequireNoReferrerOnFullyQualifiedLinks(true)
	return p
}

// boxes makes wide things scroll inside the page, by keyboard too. It runs on
// sanitised text, in which these tags are the only ones of their names.
var boxes = strings.NewReplacer(
	"<pre>", `<pre tabindex="0">`,
	"<table>", `<div class="scroll" role="region" aria-label="Table" tabindex="0"><table>`,
	"</table>", "</table></div>",
)

// renderReadme makes safe HTML of Markdown by a stranger. cut tells that only the
// beginning is shown. What would take too long to render is shown as it was written.
func renderReadme(source string) (out template.HTML, cut bool, err error) {
	source, cut = shorten(strings.ToValidUTF8(source, "\uFFFD"), maxReadme)
	if !rendersFast(source) {
		return template.HTML(`<pre class="plain" tabindex="0">` + template.HTMLEscapeString(source) + `</pre>`), cut, nil
	}
	var b bytes.Buffer
	if err := markdown.Convert([]byte(source), &b); err != nil {
		return "", false, fmt.Errorf("render readme: %w", err)
	}
	return template.HTML(boxes.Replace(sanitiser.Sanitize(b.String()))), cut, nil
}

// shorten cuts s at the end of a line, or at least of a character.
func shorten(s string, limit int) (string, bool) {
	if len(s) <= limit {
		return s, false
	}
	s = s[:limit]
	if i := strings.LastIndexByte(s, '\n'); i > 0 {
		return s[:i+1], true
	}
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s, true
}

// tamer fits a README into our page: its headings rank below the name of the
// plugin, its links stay inside it or lead to other sites, and its pictures are
// links, so that reading tells no other host who reads.
type tamer struct{}

// Transform implements parser.ASTTransformer.
func (tamer) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	var images []*ast.Image
	var links []*ast.Link
	var bare []*ast.AutoLink
	ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			n.Level = min(n.Level+1, 6)
			if id, ok := n.AttributeString("id"); ok {
				if b, ok := id.([]byte); ok {
					n.SetAttributeString("id", append([]byte(idPrefix), b...))
				}
			}
		case *ast.Image:
			images = append(images, n)
			return ast.WalkSkipChildren, nil
		case *ast.Link:
			links = append(links, n)
		case *ast.AutoLink:
			bare = append(bare, n)
		}
		return ast.WalkContinue, nil
	})
	for _, n := range images {
		replaceImage(n, reader.Source())
	}
	for _, n := range links {
		tameLink(n)
	}
	for _, n := range bare {
		if n.AutoLinkType == ast.AutoLinkURL && !elsewhere(n.URL(reader.Source())) {
			n.Parent().ReplaceChild(n.Parent(), n, ast.NewString(n.Label(reader.Source())))
		}
	}
}

// replaceImage puts a link with the description of a picture in its place, or only
// the description where there can be no link.
func replaceImage(n *ast.Image, source []byte) {
	alt := plainText(n, source)
	if len(bytes.TrimSpace(alt)) == 0 {
		alt = []byte("picture")
	}
	var with ast.Node = ast.NewString(alt)
	if elsewhere(n.Destination) && !insideLink(n) {
		link := ast.NewLink()
		link.Destination = n.Destination
		link.AppendChild(link, with)
		with = link
	}
	n.Parent().ReplaceChild(n.Parent(), n, with)
}

func insideLink(n ast.Node) bool {
	for p := n.Parent(); p != nil; p = p.Parent() {
		if p.Kind() == ast.KindLink {
			return true
		}
	}
	return false
}

// plainText is the text inside n without its markup.
func plainText(n ast.Node, source []byte) []byte {
	var b bytes.Buffer
	ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			switch n := n.(type) {
			case *ast.Text:
				b.Write(n.Segment.Value(source))
				if n.SoftLineBreak() || n.HardLineBreak() {
					b.WriteByte(' ')
				}
			case *ast.String:
				b.Write(n.Value)
			}
		}
		return ast.WalkContinue, nil
	})
	return b.Bytes()
}

// tameLink makes a fragment lead to the id it has here. A relative link leads
// nowhere, because the other files are not here: its text remains.
func tameLink(n *ast.Link) {
	switch {
	case len(n.Destination) > 1 && n.Destination[0] == '#':
		n.Destination = append([]byte("#"+idPrefix), n.Destination[1:]...)
	case !elsewhere(n.Destination):
		parent := n.Parent()
		for c := n.FirstChild(); c != nil; c = n.FirstChild() {
			parent.InsertBefore(parent, n, c)
		}
		parent.RemoveChild(parent, n)
	}
	n.Title = nil
}

// elsewhere reports whether an address names another site or a mailbox.
func elsewhere(dest []byte) bool {
	u, err := url.Parse(string(dest))
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Hostname() != ""
	case "mailto":
		return u.Opaque != ""
	}
	return false
}

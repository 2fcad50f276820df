// Package points is what folio and its plugins agree on: two extension points.
package points

import "github.com/plugstead/plugstead/contract"

// RenderPoint turns the source of a page into HTML.
var RenderPoint = contract.Define("folio.example.org/render", 1, 0)

// Document is a source file.
type Document struct {
	Path   string // relative to the site, with slashes
	Source []byte // Markdown
}

// Fragment is the rendered body of a page.
type Fragment struct {
	Title string // of the first heading, or ""
	HTML  []byte
}

// Render turns one document into HTML. Every heading gets an id.
var Render = contract.Unary[Document, Fragment](RenderPoint, "Render", contract.MethodOptions{Idempotent: true})

// TransformPoint changes rendered pages.
var TransformPoint = contract.Define("folio.example.org/transform", 1, 0)

// Page is a rendered page.
type Page struct {
	Path  string
	Title string
	HTML  []byte // body only
}

// Transform returns the page as it should be.
var Transform = contract.Unary[Page, Page](TransformPoint, "Transform", contract.MethodOptions{Idempotent: true})

package site

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/plugstead/plugstead"

	"folio.example.org/points"
)

// ErrNoRenderer says that no plugin can render pages.
var ErrNoRenderer = errors.New("no plugin renders pages; run: folio plugin install folio/markdown")

// Builder turns Markdown into pages with the running plugins of a host.
type Builder struct {
	render     *plugstead.Plugin
	transforms []*plugstead.Plugin
}

// NewBuilder chooses the plugins: the first that renders and all that transform, in
// the order of their names. The host is started.
func NewBuilder(h *plugstead.Host) (*Builder, error) {
	b := new(Builder)
	for p := range h.Plugins(points.RenderPoint) {
		b.render = p
		break
	}
	if b.render == nil {
		return nil, ErrNoRenderer
	}
	for p := range h.Plugins(points.TransformPoint) {
		b.transforms = append(b.transforms, p)
	}
	return b, nil
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body>
{{.Body}}</body>
</html>
`))

// Page renders one document and wraps it.
func (b *Builder) Page(ctx context.Context, name string, source []byte) ([]byte, error) {
	f, err := points.Render.Call(ctx, b.render, points.Document{Path: name, Source: source})
	if err != nil {
		return nil, fmt.Errorf("%s: render with %s: %w", name, b.render.ID(), err)
	}
	p := points.Page{Path: name, Title: f.Title, HTML: f.HTML}
	if p.Title == "" {
		p.Title = strings.TrimSuffix(path.Base(name), path.Ext(name))
	}
	for _, t := range b.transforms {
		if p, err = points.Transform.Call(ctx, t, p); err != nil {
			return nil, fmt.Errorf("%s: transform with %s: %w", name, t.ID(), err)
		}
	}
	var out strings.Builder
	// The HTML comes from plugins that the operator chose to install.
	err = page.Execute(&out, map[string]any{"Title": p.Title, "Body": template.HTML(p.HTML)})
	return []byte(out.String()), err
}

// Tree renders every Markdown file below in to a page below out and returns how many
// there were.
func (b *Builder) Tree(ctx context.Context, in, out string) (int, error) {
	n := 0
	root := os.DirFS(in)
	err := fs.WalkDir(root, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(name) != ".md" {
			return err
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		html, err := b.Page(ctx, name, source)
		if err != nil {
			return err
		}
		to := filepath.Join(out, filepath.FromSlash(strings.TrimSuffix(name, ".md")+".html"))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		n++
		return os.WriteFile(to, html, 0o644)
	})
	return n, err
}

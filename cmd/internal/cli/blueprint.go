package cli

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"text/template"

	"github.com/plugstead/plugstead/cmd/internal/author"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
)

//go:embed all:template
var templates embed.FS

// blueprint is what templates are filled with.
type blueprint struct {
	ID        manifest.ID
	Name      string // without namespace
	Dir       string
	Template  string // wasm, process, node, command or files
	Summary   string
	Module    string
	Import    string // of the package of the extension point; empty: an own one
	Platforms []platformEntry
	Replace   []replacement

	Point *author.PointPackage // what is in Import
}

// isGo reports whether the plugin is written in Go.
func (b *blueprint) isGo() bool { return b.Template == "wasm" || b.Template == "process" }

// Package returns a name for the Go package.
func (b *blueprint) Package() string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, b.Name)
	taken := []string{"context", "contract", "errors", "main", "plugin", "point", "sdk", "sdktest", "testing", "init"}
	if b.Point != nil {
		taken = append(taken, b.Point.Package)
	}
	if token.IsKeyword(name) || slices.Contains(taken, name) || name[0] < 'a' {
		name = "my" + name
	}
	return name
}

// PointID returns the point that plugin.yaml lists.
func (b *blueprint) PointID() string {
	if b.Point != nil {
		return b.Point.ID
	}
	return "example.org/greeter"
}

// PointVersion returns its version.
func (b *blueprint) PointVersion() string {
	if b.Point != nil {
		return fmt.Sprintf("%d.%d", b.Point.Major, b.Point.Minor)
	}
	return "1.0"
}

// write makes the folder. If that is not possible, what was written is removed again.
func (b *blueprint) write(ctx context.Context) (files []string, err error) {
	hint := "name a new or empty folder"
	if list, err := os.ReadDir(b.Dir); err == nil && len(list) > 0 {
		return nil, cmdline.New("E0107", hint, "%s: the folder is not empty", b.Dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, cmdline.New("E0107", hint, "%w", err)
	}
	_, err = os.Stat(b.Dir)
	was := err == nil
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return nil, cmdline.New("E0107", hint, "%w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.remove(was))
		}
	}()
	if !b.isGo() {
		return b.list(b.fill("template/" + b.Template))
	}
	if err := b.module(ctx); err != nil {
		return nil, err
	}
	folders := []string{"template/go"}
	if b.Import != "" {
		if b.Point, err = author.ReadPoint(ctx, b.Dir, b.Import); err != nil {
			return nil, err
		}
		folders = append(folders, "template/point")
	}
	if err := b.fill(folders...); err != nil {
		return nil, err
	}
	return b.list(run(ctx, b.Dir, "mod", "tidy"))
}

// remove takes away what was written; the folder itself if it was not there before.
func (b *blueprint) remove(was bool) error {
	if !was {
		return os.RemoveAll(b.Dir)
	}
	list, err := os.ReadDir(b.Dir)
	for _, e := range list {
		err = errors.Join(err, os.RemoveAll(filepath.Join(b.Dir, e.Name())))
	}
	return err
}

// list returns the files of the folder, unless there is an error.
func (b *blueprint) list(err error) (out []string, _ error) {
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(os.DirFS(b.Dir), ".", func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, p)
		}
		return err
	})
	return out, err
}

// fill writes the files of templates; of two with one name the last counts.
func (b *blueprint) fill(folders ...string) error {
	for _, folder := range folders {
		err := fs.WalkDir(templates, folder, func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			rel := strings.TrimSuffix(strings.TrimPrefix(p, folder+"/"), ".tmpl")
			if b.Import != "" && strings.HasPrefix(rel, "point/") {
				return nil // the point is elsewhere
			}
			return b.file(p, rel)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// file writes one file. In the name of a template _NAME_ stands for the package, and a
// leading _ for a dot.
func (b *blueprint) file(tmpl, rel string) error {
	t, err := template.New(path.Base(tmpl)).ParseFS(templates, tmpl)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, b); err != nil {
		return err
	}
	rel = strings.Replace(rel, "_NAME_", b.Package(), 1)
	if strings.HasPrefix(rel, "_") {
		rel = "." + rel[1:]
	}
	mode := fs.FileMode(0o644)
	if bytes.HasPrefix(out.Bytes(), []byte("#!")) {
		mode = 0o755
	}
	to := filepath.Join(b.Dir, filepath.FromSlash(rel))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), mode)
}

// module writes a go.mod with the library, and what is taken from folders.
func (b *blueprint) module(ctx context.Context) error {
	if err := b.file("template/module/go.mod.tmpl", "go.mod"); err != nil {
		return err
	}
	edit := []string{"mod", "edit"}
	own := false
	for _, r := range b.Replace {
		own = own || r.Module == author.Library
		edit = append(edit, "-require="+r.Module+"@v0.0.0", "-replace="+r.Module+"="+r.Dir)
	}
	if !own {
		v, ok := libraryVersion()
		if !ok {
			return cmdline.New("E0001", "plugstead new --replace DIR, the folder of the library", "this program was built from a working copy, of which no version can be fetched")
		}
		edit = append(edit, "-require="+author.Library+"@"+v)
	}
	if err := run(ctx, b.Dir, edit...); err != nil {
		return err
	}
	if b.Import == "" || b.replaced(b.Import) {
		return nil
	}
	return run(ctx, b.Dir, "get", b.Import)
}

// libraryVersion returns the version of the library that this program was built with, and
// whether it can be fetched.
func libraryVersion() (string, bool) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", false
	}
	for _, d := range info.Deps {
		if d.Path == author.Library {
			return d.Version, d.Replace == nil
		}
	}
	return "", false
}

// replaced reports whether a package is in a module that is taken from a folder.
func (b *blueprint) replaced(pkg string) bool {
	return slices.ContainsFunc(b.Replace, func(r replacement) bool {
		return pkg == r.Module || strings.HasPrefix(pkg, r.Module+"/")
	})
}

// run runs the go command.
func run(ctx context.Context, dir string, args ...string) error {
	_, err := author.Go(ctx, dir, args...)
	return err
}

//go:build unix

package plugstead_test

import (
	"encoding/json"
	"errors"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/registrytest"
)

// The extension points of the application that the examples are for.
var (
	hailer = contract.Define("acme.dev/greeter", 1, 0)
	hail   = contract.Unary[map[string]string, map[string]string](hailer, "Greet")
	theme  = contract.Define("acme.dev/theme", 1, 0)
)

// publishExample publishes the folder of an example, with texts replaced.
func publishExample(t *testing.T, s *registrytest.Server, name string, id manifest.ID, replace ...string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("examples", name))); err != nil {
		t.Fatal(err)
	}
	r := strings.NewReplacer(replace...)
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, p))
		return errors.Join(err, os.WriteFile(filepath.Join(dir, p), []byte(r.Replace(string(b))), 0o700))
	})
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := publish.Folder(t.Context(), s.Client().Target(id), root, publish.Options{}); err != nil {
		t.Fatal(err)
	}
}

func openExamples(t *testing.T, s *registrytest.Server) *plugstead.Host {
	t.Helper()
	h, err := plugstead.Open(t.Context(), plugstead.Options{
		App: "acme", Version: "2.4.0", Dir: filepath.Join(t.TempDir(), "plugins"), Registry: s.URL,
		Points: []*contract.Point{hailer, theme}, Config: map[manifest.ID]json.RawMessage{"acme/shell": json.RawMessage(`{"greeting":"good day"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestBundles: a command and files are published, installed, swapped and rolled back like
// everything else.
func TestBundles(t *testing.T) {
	s := registrytest.New(t)
	publishExample(t, s, "command", "acme/shell")
	publishExample(t, s, "theme", "acme/dark")
	h := openExamples(t, s)
	ctx := t.Context()
	if err := errors.Join(h.Start(ctx), h.Install(ctx, "acme/shell@^1", "acme/dark@^1")); err != nil {
		t.Fatal(err)
	}
	hello := func() string {
		out, err := hail.Call(ctx, h.Plugin("acme/shell"), map[string]string{"name": "Ada"})
		if err != nil {
			t.Fatal(err)
		}
		return out["text"]
	}
	page := func() string {
		for p := range h.Plugins(theme) {
			x, err := template.ParseFS(p.Files(), "page.html", "style.css")
			var b strings.Builder
			if err == nil {
				err = x.ExecuteTemplate(&b, "page.html", map[string]string{"Title": "T", "Body": "<b>"})
			}
			if err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
		t.Fatal("there is no theme")
		return ""
	}
	if got := hello(); got != "good day, Ada" {
		t.Error(got)
	}
	if got := page(); !strings.Contains(got, "background: #111") || !strings.Contains(got, "&lt;b&gt;") {
		t.Error(got)
	}
	if _, err := hail.Call(ctx, h.Plugin("acme/shell"), nil); !errors.Is(err, contract.InvalidArgument) || contract.AsError(err).Reason != "NO_NAME" {
		t.Error(err)
	}
	for id, runtime := range map[manifest.ID]string{"acme/shell": manifest.RuntimeCommand, "acme/dark": manifest.RuntimeFiles} {
		if p := h.Plugin(id); p.Runtime() != runtime {
			t.Errorf("%s runs as %s", id, p.Runtime())
		}
	}

	var stop atomic.Bool
	var callers sync.WaitGroup
	for range 4 { // no call is lost while versions change
		callers.Go(func() {
			for p := h.Plugin("acme/shell"); !stop.Load(); {
				if _, err := hail.Call(ctx, p, map[string]string{"name": "Ada"}); err != nil {
					t.Error(err)
				}
				if _, err := fs.ReadFile(h.Plugin("acme/dark").Files(), "page.html"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	publishExample(t, s, "command", "acme/shell", "version: 1.0.0", "version: 1.1.0", `"%s, %s"`, `"%s, dear %s"`)
	publishExample(t, s, "theme", "acme/dark", "version: 1.0.0", "version: 1.1.0", "#111", "#000")
	if err := h.Update(ctx); err != nil {
		t.Fatal(err)
	}
	if a, b := hello(), page(); a != "good day, dear Ada" || !strings.Contains(b, "background: #000") {
		t.Errorf("after the update: %s\n%s", a, b)
	}
	if _, err := h.Rollback(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if a, b := hello(), page(); a != "good day, Ada" || !strings.Contains(b, "background: #111") {
		t.Errorf("after the rollback: %s\n%s", a, b)
	}
	stop.Store(true)
	callers.Wait()
	g, err := h.Installed()
	if err != nil {
		t.Fatal(err)
	}
	damageEntries(t, g)
	found, err := h.Verify(ctx)
	if err != nil || len(found) != 2 || found[0].Err == nil || found[1].Err == nil {
		t.Errorf("damaged files: %+v, %v", found, err)
	}
}

// damageEntries changes what was installed.
func damageEntries(t *testing.T, g *install.Generation) {
	t.Helper()
	for _, r := range g.Records {
		path := filepath.Join(r.Tree, "greet.sh")
		if r.Runtime == manifest.RuntimeFiles {
			path = filepath.Join(r.Tree, "theme", "style.css")
		}
		if err := errors.Join(os.Chmod(filepath.Dir(path), 0o700), os.Remove(path), os.WriteFile(path, []byte("other"), 0o700)); err != nil {
			t.Fatal(err)
		}
	}
}

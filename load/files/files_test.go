//go:build unix

package files_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"text/template"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/files"
	"github.com/plugstead/plugstead/manifest"
)

var (
	point = contract.Define("acme.dev/theme", 1, 0)
	call  = contract.Unary[string, string](point, "Call", contract.MethodOptions{Optional: true})
	watch = contract.ServerStream[string, string](point, "Watch", contract.MethodOptions{Optional: true})
)

// image makes the package of a bundle.
func image(t testing.TB, content map[string]string) load.Image {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return load.Image{Runtime: manifest.RuntimeFiles, Tree: dir, Manifest: &manifest.Manifest{
		ID: "acme/dark", Provides: []manifest.PointRef{{ID: "acme.dev/theme", Major: 1}},
		Runtimes: manifest.Runtimes{Files: &manifest.FilesRuntime{Folder: "theme"}},
	}}
}

func start(t testing.TB, im load.Image) (load.Instance, fs.FS) {
	t.Helper()
	in, err := files.Driver{}.Start(t.Context(), im, load.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		<-in.Done()
	})
	fsys, err := files.Of(in)
	if err != nil {
		t.Fatal(err)
	}
	return in, fsys
}

var content = map[string]string{
	"theme/page.html": `<h1>{{.}}</h1>{{template "foot"}}`, "theme/parts/foot.html": `{{define "foot"}}<hr>{{end}}`,
	"theme/style.css": "body{}", "theme/empty/x": "", "outside.txt": "secret",
}

// TestFS: it is a file system as the standard library wants it.
func TestFS(t *testing.T) {
	_, fsys := start(t, image(t, content))
	if err := fstest.TestFS(fsys, "page.html", "parts/foot.html", "style.css", "empty/x"); err != nil {
		t.Error(err)
	}
	tmpl, err := template.ParseFS(fsys, "*.html", "parts/*.html")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := tmpl.ExecuteTemplate(&out, "page.html", "Hi"); err != nil || out.String() != "<h1>Hi</h1><hr>" {
		t.Error(out.String(), err)
	}
	parts, err := fs.Sub(fsys, "parts")
	if err != nil {
		t.Fatal(err)
	}
	if names, err := fs.Glob(parts, "*"); err != nil || !slices.Equal(names, []string{"foot.html"}) {
		t.Error(names, err)
	}
}

// TestServed: files are served by net/http, which seeks in them.
func TestServed(t *testing.T) {
	_, fsys := start(t, image(t, content))
	r := httptest.NewRequest(http.MethodGet, "/style.css", nil)
	r.Header.Set("Range", "bytes=2-4")
	w := httptest.NewRecorder()
	http.FileServerFS(fsys).ServeHTTP(w, r)
	if w.Code != http.StatusPartialContent || w.Body.String() != "dy{" {
		t.Error(w.Code, w.Body)
	}
}

// TestReadOnly: what comes out cannot be changed, not even by who looks what it is.
func TestReadOnly(t *testing.T) {
	im := image(t, content)
	_, fsys := start(t, im)
	for _, name := range []string{"style.css", "."} {
		f, err := fsys.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		_, writes := f.(io.Writer)
		_, osFile := f.(*os.File)
		_, chmods := f.(interface{ Chmod(fs.FileMode) error })
		_, fd := f.(interface{ Fd() uintptr })
		if writes || osFile || chmods || fd {
			t.Errorf("%s is a %T", name, f)
		}
	}
	if _, ok := fsys.(interface{ Close() error }); ok {
		t.Error("the file system can be closed")
	}
}

// TestOutside: neither names nor links lead out of the folder.
func TestOutside(t *testing.T) {
	im := image(t, content)
	theme := filepath.Join(im.Tree, "theme")
	secret := filepath.Join(t.TempDir(), "secret")
	for link, target := range map[string]string{
		"absolute": secret, "up": "../outside.txt", "far": "../../../../../../../../etc/passwd", "dir": "..", "dirs": "/",
		"chain": "up", "parts/deep": "../../outside.txt", "self": "self", "inside": "style.css",
	} {
		if err := os.Symlink(target, filepath.Join(theme, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(secret, []byte("secret"), 0o600), os.Link(filepath.Join(im.Tree, "outside.txt"), filepath.Join(theme, "hard"))); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(theme, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, fsys := start(t, im)
	for _, name := range []string{
		"absolute", "up", "far", "dir/outside.txt", "dir", "dirs/etc/passwd", "dirs", "chain", "parts/deep", "self", "pipe",
		"../outside.txt", "/etc/passwd", "", "./style.css", "parts/../style.css", "a\x00b", "missing", "style.css/x",
	} {
		b, err := fs.ReadFile(fsys, name)
		e, ok := errors.AsType[*fs.PathError](err)
		if err == nil || !ok || e.Path != name || strings.Contains(err.Error(), im.Tree) {
			t.Errorf("%q: %q, %v", name, b, err)
		}
		if _, err := fs.Stat(fsys, name); err == nil {
			t.Errorf("stat %q", name)
		}
	}
	if b, err := fs.ReadFile(fsys, "inside"); err != nil || string(b) != "body{}" {
		t.Errorf("%q, %v", b, err)
	}
	err := fs.WalkDir(fsys, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || strings.Contains(p, "outside") {
			t.Error(p, err)
		}
		if st, err := e.Info(); err != nil || st.Mode().Type() != e.Type() {
			t.Errorf("%s: %v", p, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSwappedLinks: a folder that becomes a link while it is read leads nowhere either.
func TestSwappedLinks(t *testing.T) {
	im := image(t, content)
	_, fsys := start(t, im)
	parts := filepath.Join(im.Tree, "theme", "parts")
	outside := image(t, map[string]string{"parts/foot.html": "stolen"}).Tree
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Rename(parts, parts+".old")
			_ = os.Symlink(filepath.Join(outside, "parts"), parts)
			_ = os.Remove(parts)
			_ = os.Rename(parts+".old", parts)
		}
	})
	for range 3000 {
		if b, err := fs.ReadFile(fsys, "parts/foot.html"); err == nil && string(b) != content["theme/parts/foot.html"] {
			t.Fatalf("%q", b)
		}
		runtime.Gosched()
	}
	close(stop)
	wg.Wait()
}

func TestStartErrors(t *testing.T) {
	good := image(t, content)
	change := func(f func(*load.Image, *manifest.Manifest)) load.Image {
		im, m := good, *good.Manifest
		im.Manifest = &m
		f(&im, &m)
		return im
	}
	if err := os.Symlink("/etc", filepath.Join(good.Tree, "link")); err != nil {
		t.Fatal(err)
	}
	folder := func(name string) load.Image {
		return change(func(_ *load.Image, m *manifest.Manifest) {
			m.Runtimes.Files = &manifest.FilesRuntime{Folder: name}
		})
	}
	for name, c := range map[string]struct {
		im   load.Image
		want contract.Code
	}{
		"missing":     {folder("other"), contract.FailedPrecondition},
		"a file":      {folder("outside.txt"), contract.FailedPrecondition},
		"a link out":  {folder("link"), contract.FailedPrecondition},
		"escape":      {folder("../x"), contract.InvalidArgument},
		"no files":    {change(func(_ *load.Image, m *manifest.Manifest) { m.Runtimes = manifest.Runtimes{} }), contract.FailedPrecondition},
		"relative":    {change(func(im *load.Image, _ *manifest.Manifest) { im.Tree = "." }), contract.InvalidArgument},
		"no package":  {change(func(im *load.Image, _ *manifest.Manifest) { im.Tree += "/nowhere" }), contract.FailedPrecondition},
		"all is well": {good, contract.OK},
	} {
		in, err := files.Driver{}.Start(t.Context(), c.im, load.Spec{})
		if c.want == contract.OK {
			if err != nil || in.Close() != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := (files.Driver{}).Prepare(t.Context(), c.im); (err == nil) != (c.want == contract.OK) {
			t.Errorf("%s: prepare: %v", name, err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (files.Driver{}).Start(over, good, load.Spec{}); !errors.Is(err, contract.Canceled) {
		t.Error(err)
	}
}

func TestLife(t *testing.T) {
	in, fsys := start(t, image(t, content))
	_, err := call.Call(t.Context(), in, "x")
	_, err2 := in.Stream(t.Context(), watch.Method)
	if !errors.Is(err, contract.Unimplemented) || !errors.Is(err2, contract.Unimplemented) || in.Offers(call.Method) {
		t.Error(err, err2)
	}
	if err := errors.Join(in.Health(t.Context()), in.Quiesce(t.Context()), in.Err()); err != nil {
		t.Error(err)
	}
	held, err := fsys.Open("style.css")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := errors.Join(in.Stop(t.Context()), in.Stop(t.Context()), in.Close(), in.Err()); err != nil {
		t.Error(err)
	}
	<-in.Done()
	if b, err := io.ReadAll(held); err != nil || string(b) != "body{}" {
		t.Errorf("what was open: %q, %v", b, err)
	}
	if _, err := fsys.Open("style.css"); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
	_, err = call.Call(t.Context(), in, "x")
	for name, err := range map[string]error{"call": err, "health": in.Health(t.Context()), "quiesce": in.Quiesce(t.Context())} {
		if e := contract.AsError(err); e == nil || e.Code != contract.Unavailable || e.Reason != contract.ReasonStopped {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type nobody struct{ contract.Caller }

func TestOf(t *testing.T) {
	if _, err := files.Of(nobody{}); !errors.Is(err, contract.Unimplemented) {
		t.Error(err)
	}
}

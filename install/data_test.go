package install_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/durable/simdisk"
	"github.com/plugstead/plugstead/manifest"
)

var (
	first  = install.Record{ID: "acme/a"}
	second = install.Record{ID: "acme/a", Data: install.Data{Folder: 2, From: []int{0}}}
)

// withData is a folder in which the first version of a plugin has written something.
func withData(t *testing.T) *install.Dir {
	t.Helper()
	d := open(t)
	must(t, d.MakeData(t.Context(), first))
	dir := d.DataPath(first)
	must(t, os.MkdirAll(filepath.Join(dir, "sub", "empty"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "notes"), []byte("one"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "sub", "more"), []byte(strings.Repeat("x", 100_000)), 0o640))
	return d
}

// content reads the data of a record.
func content(t *testing.T, d *install.Dir, r install.Record) map[string]string {
	t.Helper()
	out := map[string]string{}
	root := d.DataPath(r)
	must(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			out[rel], err = os.Readlink(path)
		case e.IsDir():
			out[rel] = "folder"
		case e.Type().IsRegular():
			var b []byte
			b, err = os.ReadFile(path)
			out[rel] = string(b)
		}
		return err
	}))
	return out
}

func sameContent(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// TestMakeData copies what is there, once, and leaves the old data alone.
func TestMakeData(t *testing.T) {
	d := withData(t)
	must(t, os.Symlink("/etc/passwd", filepath.Join(d.DataPath(first), "link")))
	makePipe(t, filepath.Join(d.DataPath(first), "pipe"))
	must(t, d.MakeData(t.Context(), second))
	was, is := content(t, d, first), content(t, d, second)
	if !sameContent(was, is) || is["link"] != "/etc/passwd" || is[filepath.Join("sub", "empty")] != "folder" {
		t.Errorf("copied %v of %v", len(is), len(was))
	}
	st, err := os.Stat(filepath.Join(d.DataPath(second), "sub", "more"))
	if err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if st, err = os.Stat(d.DataPath(second)); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	must(t, os.WriteFile(filepath.Join(d.DataPath(second), "notes"), []byte("two"), 0o600))
	must(t, d.MakeData(t.Context(), second))
	if content(t, d, second)["notes"] != "two" || content(t, d, first)["notes"] != "one" {
		t.Error("copied again, or written through")
	}
	// What nobody started is passed over; what has nothing before it begins empty.
	third := install.Record{ID: "acme/a", Data: install.Data{Folder: 5, From: []int{4, 2, 0}}}
	must(t, d.MakeData(t.Context(), third))
	empty := install.Record{ID: "acme/a", Data: install.Data{Folder: 6, From: []int{4}}}
	must(t, d.MakeData(t.Context(), empty))
	if content(t, d, third)["notes"] != "two" || len(content(t, d, empty)) != 1 {
		t.Error("the wrong folder was copied")
	}
	if err := d.MakeData(t.Context(), install.Record{ID: "../evil/x"}); !errors.Is(err, manifest.ErrSyntax) {
		t.Errorf("a plugin of a hostile name: %v", err)
	}
}

// TestMakeDataAtOnce: several hosts start at one time.
func TestMakeDataAtOnce(t *testing.T) {
	d := withData(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := d.MakeData(t.Context(), second); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if !sameContent(content(t, d, first), content(t, d, second)) {
		t.Error("the copy is another one")
	}
}

// TestMakeDataFails lets every step on disk fail: the old data is as it was, the new one
// is not there or whole, and the next run makes it.
func TestMakeDataFails(t *testing.T) {
	for n := int64(1); ; n++ {
		d := withData(t)
		want := content(t, d, first)
		var step atomic.Int64
		restore := durable.Hook(func(s durable.Step) error {
			if step.Add(1) == n {
				return &os.PathError{Op: string(s.Kind), Path: s.Path, Err: syscall.ENOSPC}
			}
			return nil
		})
		err := d.MakeData(t.Context(), second)
		restore()
		if n > step.Load() {
			if n < 10 || err != nil {
				t.Errorf("only %d steps, %v", n-1, err)
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("step %d: %v", n, err)
		}
		if !sameContent(content(t, d, first), want) {
			t.Errorf("step %d: the old data was changed", n)
		}
		if _, err := os.Stat(d.DataPath(second)); err == nil && !sameContent(content(t, d, second), want) {
			t.Errorf("step %d: a part of the copy is there", n)
		}
		must(t, d.MakeData(t.Context(), second))
		if !sameContent(content(t, d, second), want) {
			t.Errorf("step %d: the next run made another copy", n)
		}
	}
}

// TestPowerCutInACopy cuts the power behind every step: the same must be true.
func TestPowerCutInACopy(t *testing.T) {
	d := withData(t)
	want := content(t, d, first)
	delete(want, filepath.Join("sub", "empty")) // the simulated disk keeps files only
	before := files(t, d.Path())
	var r simdisk.Recorder
	stop := durable.Hook(r.Step)
	must(t, d.MakeData(t.Context(), second))
	stop()
	for n := range len(r.Steps) + 1 {
		disk := simdisk.New(before)
		for _, s := range r.Steps[:n] {
			disk.Do(s)
		}
		got := restore(t, d.Path(), disk.After(nil))
		if _, err := os.Stat(got.DataPath(second)); err == nil && !sameContent(content(t, got, second), want) {
			t.Errorf("behind step %d of %d a part of the copy is there", n, len(r.Steps))
		} else if n == len(r.Steps) && err != nil {
			t.Error(err)
		}
		must(t, got.MakeData(t.Context(), second))
		if !sameContent(content(t, got, second), want) || !sameContent(content(t, got, first), want) {
			t.Errorf("behind step %d of %d the next run went wrong", n, len(r.Steps))
		}
	}
}

// TestCopyIsSwept: what a killed copy left goes with the next change, and doctor sees it.
func TestCopyIsSwept(t *testing.T) {
	d := withData(t)
	ctx, cancel := context.WithCancel(t.Context())
	restore := durable.Hook(func(s durable.Step) error {
		if s.Kind == durable.StepRemove {
			return syscall.EIO // killed before it could clean up
		}
		if s.Kind == durable.StepWrite {
			cancel()
		}
		return nil
	})
	err := d.MakeData(ctx, second)
	restore()
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	tx, err := d.Begin(t.Context())
	must(t, err)
	must(t, tx.Abort())
	must(t, os.Mkdir(filepath.Join(d.Path(), "data", "acme", ".tmp-a@2"), 0o700))
	x, err := d.Inspect()
	if err != nil || len(x.Leftovers) != 1 || !strings.HasSuffix(x.Leftovers[0], ".tmp-a@2") {
		t.Errorf("%+v, %v", x, err)
	}
}

// TestForgedData: a generation whose numbers nobody wrote is none.
func TestForgedData(t *testing.T) {
	b, list := verified(t, "acme/a")
	d := open(t)
	commit(t, d, b, list, "first")
	path := filepath.Join(d.Path(), "generations", "00000001.json")
	good, err := os.ReadFile(path)
	must(t, err)
	for _, bad := range []string{`{"folder":-1}`, `{"folder":2}`, `{"folder":1,"from":[1]}`, `{"folder":1,"from":[-1]}`, `{"from":[0]}`, `{"folder":"../x"}`} {
		must(t, os.WriteFile(path, []byte(strings.Replace(string(good), `"runtime": "wasm",`, `"runtime": "wasm", "data": `+bad+`,`, 1)), 0o644))
		if _, err := d.Generation(1); !errors.Is(err, install.ErrBroken) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	must(t, os.WriteFile(path, []byte(strings.Replace(string(good), `"records"`, `"left": [{"id":"../x"}], "records"`, 1)), 0o644))
	if _, err := d.Generation(1); !errors.Is(err, install.ErrBroken) {
		t.Errorf("data of a hostile name: %v", err)
	}
}

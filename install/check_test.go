package install_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/install"
)

// installed returns a folder with one plugin.
func installed(t *testing.T) (*install.Dir, install.Record) {
	t.Helper()
	d := open(t)
	b, list := verified(t, "acme/a")
	return d, commit(t, d, b, list, "first").Records[0]
}

// settle makes the note of the last check so much older than the files that it counts:
// waiting for two seconds would do the same.
func settle(t *testing.T, d *install.Dir, r install.Record) {
	t.Helper()
	if err := d.Check(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	path := r.Tree + ".seen"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var x map[string]any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&x); err != nil {
		t.Fatal(err)
	}
	x["hashed"] = time.Now().Add(3 * time.Second).UnixNano()
	if b, err = json.Marshal(x); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// spoil changes the record of a tree, so that hashing finds a difference and looking at
// the stamps does not.
func spoil(t *testing.T, r install.Record) (restore func()) {
	t.Helper()
	path := r.Tree + ".json"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.ReplaceAll(b, []byte(`"digest":"sha256:`), []byte(`"digest":"sha256:0000`))
	i := bytes.Index(other, []byte(`"digest":"sha256:0000`)) + len(`"digest":"sha256:`) + 64
	other = append(other[:i:i], other[i+4:]...)
	if err := os.WriteFile(path, other, 0o644); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCheckHashesOnce: what was hashed and did not change since is not read again, unless
// that was too short after its last change to be sure.
func TestCheckHashesOnce(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("no time of the inode here: every check hashes")
	}
	d, r := installed(t)
	if err := d.Check(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	restore := spoil(t, r)
	if err := d.Check(t.Context(), r); !errors.Is(err, install.ErrTampered) {
		t.Errorf("files as young as the check: %v", err)
	}
	restore()
	settle(t, d, r)
	restore = spoil(t, r)
	if err := d.Check(t.Context(), r); err != nil {
		t.Errorf("it was hashed again: %v", err)
	}
	if err := d.Verify(t.Context(), r); !errors.Is(err, install.ErrTampered) {
		t.Errorf("verify did not hash: %v", err)
	}
	restore()
	if err := d.Verify(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// TestCheckFindsChanges changes files in every way, keeping size and time where that can
// be done: the check finds it with a note that counts, too.
func TestCheckFindsChanges(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, tree, file string){
		"content": func(t *testing.T, _, file string) {
			st, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b[0] ^= 1
			if err := errors.Join(os.WriteFile(file, b, 0o644), os.Chtimes(file, time.Time{}, st.ModTime())); err != nil {
				t.Fatal(err)
			}
		},
		"longer": func(t *testing.T, _, file string) {
			f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteString("x")
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		},
		"cut":  func(t *testing.T, _, file string) { must(t, os.Truncate(file, 1)) },
		"gone": func(t *testing.T, _, file string) { must(t, os.Remove(file)) },
		"new":  func(t *testing.T, tree, _ string) { must(t, os.WriteFile(filepath.Join(tree, "x"), nil, 0o644)) },
		"new in a new folder": func(t *testing.T, tree, _ string) {
			must(t, os.Mkdir(filepath.Join(tree, "d"), 0o755))
			must(t, os.WriteFile(filepath.Join(tree, "d", "x"), nil, 0o644))
		},
		"link": func(t *testing.T, tree, file string) {
			must(t, os.Rename(file, filepath.Join(tree, "..", "elsewhere")))
			must(t, os.Symlink("../elsewhere", file))
		},
		"replaced": func(t *testing.T, _, file string) {
			must(t, os.WriteFile(file+"2", []byte("x"), 0o644))
			must(t, os.Rename(file+"2", file))
		},
		"folder in place of it": func(t *testing.T, _, file string) {
			must(t, os.Remove(file))
			must(t, os.Mkdir(file, 0o755))
		},
	} {
		for _, fresh := range []bool{true, false} {
			d, r := installed(t)
			if !fresh {
				settle(t, d, r)
			}
			change(t, r.Tree, filepath.Join(r.Tree, "m.wasm"))
			for range 2 {
				err := d.Check(t.Context(), r)
				if !errors.Is(err, install.ErrTampered) || !strings.Contains(err.Error(), "acme/a 1.0.0") {
					t.Errorf("%s, fresh %v: %v", name, fresh, err)
				}
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestCheckSameBytes: other times, and a note that is damaged, cost a hashing and no more.
func TestCheckSameBytes(t *testing.T) {
	d, r := installed(t)
	settle(t, d, r)
	must(t, os.Chtimes(filepath.Join(r.Tree, "m.wasm"), time.Time{}, time.Now().Add(-time.Hour)))
	if err := d.Check(t.Context(), r); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "{", "[]", `{"hashed":9999999999999999999}`, `{"hashed":1,"files":[]}`, strings.Repeat("x", 1000)} {
		must(t, os.WriteFile(r.Tree+".seen", []byte(bad), 0o644))
		if err := d.Check(t.Context(), r); err != nil {
			t.Errorf("%q: %v", bad, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Verify(ctx, r); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestCheckWithoutRecord: a completion record that is damaged vouches for nothing.
func TestCheckWithoutRecord(t *testing.T) {
	d, r := installed(t)
	good, err := os.ReadFile(r.Tree + ".json")
	must(t, err)
	for _, bad := range []string{
		"", "{}", "null", string(good[:len(good)/2]), `{"payload":"` + string(r.Payload) + `","size":1}`,
		`{"payload":"` + string(r.Payload) + `","size":1,"files":[{"path":"../../x","size":0,"digest":"` + string(r.Payload) + `"}]}`,
		`{"payload":"` + string(r.Payload) + `","size":1,"files":[{"path":"x","size":0,"digest":"md5:0"}]}`,
		strings.Replace(string(good), string(r.Payload), "sha256:"+strings.Repeat("0", 64), 1),
	} {
		must(t, os.WriteFile(r.Tree+".json", []byte(bad), 0o644))
		if err := d.Check(t.Context(), r); !errors.Is(err, install.ErrBroken) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	must(t, os.Remove(r.Tree+".json"))
	if err := d.Verify(t.Context(), r); !errors.Is(err, install.ErrBroken) {
		t.Error(err)
	}
}

// TestDrop: the next change unpacks again what was dropped.
func TestDrop(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a")
	r := commit(t, d, b, list, "first").Records[0]
	must(t, os.WriteFile(filepath.Join(r.Tree, "m.wasm"), []byte("bad"), 0o644))
	tx, err := d.Begin(t.Context())
	must(t, err)
	must(t, errors.Join(tx.Drop(r.Payload), tx.Drop(r.Payload), tx.Abort()))
	if d.HasTree(r.Payload) {
		t.Error("it is still there")
	}
	if err := tx.Drop(r.Payload); !errors.Is(err, install.ErrDone) {
		t.Error(err)
	}
	r = commit(t, d, b, list, "again").Records[0]
	if err := d.Verify(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// TestUnpackSideBySide: several payloads at one time, one of them twice.
func TestUnpackSideBySide(t *testing.T) {
	d := open(t)
	b, list := verified(t, "acme/a", "acme/b", "acme/c")
	tx, err := d.Begin(t.Context())
	must(t, err)
	defer tx.Abort()
	errs := make(chan error)
	for i := range 12 {
		go func() { errs <- tx.Unpack(t.Context(), b, list[i%3]) }()
	}
	for range 12 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for _, v := range list {
		r, err := tx.Add(t.Context(), nil, v) // there already: nothing is read
		if err != nil || d.Verify(t.Context(), r) != nil {
			t.Errorf("%v", err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(d.Path(), "staging")); err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) > 0 {
		t.Errorf("staging holds %v, %v", left, err)
	}
}

package filestamp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/plugstead/plugstead/internal/filestamp"
)

// TestChangesShow: whatever happens to a file gives another stamp, and nothing does not.
func TestChangesShow(t *testing.T) {
	dir := t.TempDir()
	file, sub := filepath.Join(dir, "a"), filepath.Join(dir, "sub", "b")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Dir(sub), 0o755))
	must(os.WriteFile(file, []byte("one"), 0o644))
	must(os.WriteFile(sub, []byte("four"), 0o644))
	stamp := func() filestamp.Stamp {
		t.Helper()
		s, err := filestamp.Of(os.DirFS(dir), "a", "sub", "none")
		if again, aerr := filestamp.Of(os.DirFS(dir), "a", "sub", "none"); err != nil || aerr != nil || again != s {
			t.Fatalf("%+v, %+v, %v, %v", s, again, err, aerr)
		}
		return s
	}
	seen := map[string]string{}
	expect := func(what string, bytes int64) {
		t.Helper()
		s := stamp()
		if other, ok := seen[s.Sum]; ok || s.Bytes != bytes {
			t.Errorf("%s is like %s: %+v", what, other, s)
		}
		seen[s.Sum] = what
	}
	expect("the first state", 7)
	must(os.WriteFile(sub, []byte("seven.."), 0o644))
	expect("a longer file", 10)
	must(os.Chtimes(sub, time.Time{}, time.Unix(1e9, 0)))
	expect("an older time", 10)
	must(os.Chmod(file, 0o755))
	expect("another mode", 10)
	must(os.Remove(file))
	expect("one less", 7)
	must(os.WriteFile(filepath.Join(dir, "none"), nil, 0o644))
	expect("one more", 7)
	must(os.WriteFile(filepath.Join(dir, "other"), []byte("x"), 0o644))
	if s := stamp(); seen[s.Sum] == "" {
		t.Error("a file that nobody asked for shows")
	}
	if s := stamp(); time.Since(s.Changed) > time.Hour || time.Until(s.Changed) > time.Hour {
		t.Errorf("changed at %s", s.Changed)
	}
}

// TestLimit: a folder with too many files is not looked at to its end.
func TestLimit(t *testing.T) {
	files := fstest.MapFS{}
	for i := range filestamp.MaxFiles {
		files[fmt.Sprint(i)] = &fstest.MapFile{}
	}
	if s, err := filestamp.Of(files, "."); err == nil { // and the folder itself
		t.Errorf("%+v", s)
	}
	delete(files, "0")
	if s, err := filestamp.Of(files, "."); err != nil || s.Sum == "" {
		t.Errorf("%+v, %v", s, err)
	}
}

package install_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/resolve"
)

// TestInspect looks at a folder in every state, and finds it as it was afterwards.
func TestInspect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugins")
	d, err := install.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what string, busy bool, broken []int, leftovers ...string) {
		t.Helper()
		x, err := d.Inspect()
		var numbers []int
		for _, b := range x.Broken {
			numbers = append(numbers, b.Number)
			if !errors.Is(b.Err, install.ErrBroken) {
				t.Errorf("%s: %v", what, b.Err)
			}
		}
		if err != nil || x.Busy != busy || !slices.Equal(numbers, broken) || !slices.Equal(x.Leftovers, leftovers) {
			t.Errorf("%s: %+v, %v", what, x, err)
		}
	}
	expect("no folder", false, nil)
	if _, err := os.Stat(path); err == nil {
		t.Error("looking made the folder")
	}
	tx, err := d.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expect("during a change", true, nil)
	if _, err := tx.Commit(resolve.Lock{Requests: []resolve.Wish{}, Plugins: []resolve.Locked{}}, "test"); err != nil {
		t.Fatal(err)
	}
	expect("after it", false, nil)
	for _, dir := range []string{"staging/half", "trees/.tmp-1"} {
		if err := os.MkdirAll(filepath.Join(path, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"00000002.json": "{", "00000003.json": `{"format":"other"}`, ".tmp-7": "", "note": ""} {
		if err := os.WriteFile(filepath.Join(path, "generations", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		expect("after a kill", false, []int{2, 3}, "staging", filepath.Join("generations", ".tmp-7"), filepath.Join("trees", ".tmp-1"))
	}
	if tx, err = d.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := tx.Abort(); err != nil {
		t.Fatal(err)
	}
	expect("after a sweep", false, []int{2, 3})
	lock := filepath.Join(path, "lock")
	if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Inspect(); err == nil {
		t.Error("a folder in place of the lock")
	}
}

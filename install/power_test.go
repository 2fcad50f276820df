package install_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/durable/simdisk"
)

// files reads a folder, by absolute path.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[filepath.ToSlash(path)] = b
		return err
	})
	must(t, err)
	return out
}

// restore writes what a power cut left of dir to another folder.
func restore(t *testing.T, dir string, left map[string][]byte) *install.Dir {
	t.Helper()
	to := t.TempDir()
	for path, b := range left {
		rel, ok := strings.CutPrefix(path, filepath.ToSlash(dir)+"/")
		if !ok {
			t.Fatalf("a step outside of %s: %s", dir, path)
		}
		name := filepath.Join(to, filepath.FromSlash(rel))
		must(t, errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, b, 0o644)))
	}
	d, err := install.Open(to)
	must(t, err)
	return d
}

// whole returns the numbers of the generations that are there, each of which has all its
// files as they should be, or what is wrong.
func whole(t *testing.T, d *install.Dir) ([]int, error) {
	t.Helper()
	history, err := d.History()
	if err != nil {
		return nil, err
	}
	var out []int
	for _, g := range slices.Backward(history) {
		out = append(out, g.Number)
		for _, r := range g.Records {
			if err := d.Verify(t.Context(), r); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// TestPowerCut cuts the power behind every step of a change, and of the collection of
// what it left behind: each generation that is there is whole, the new one is there once
// the change has ended, and the next change works.
func TestPowerCut(t *testing.T) {
	b, list := verified(t, "acme/a", "acme/b", "acme/c")
	for _, c := range []struct {
		name   string
		change func(d *install.Dir)
		done   []int // generations behind it; before it 1 and 2 are there
	}{
		{"change", func(d *install.Dir) { commit(t, d, b, list[1:], "third") }, []int{1, 2, 3}},
		{"rollback", func(d *install.Dir) {
			_, err := d.Rollback(t.Context(), 1)
			must(t, err)
		}, []int{1, 2, 3}},
		{"collect", func(d *install.Dir) { collect(t, d, everything) }, []int{2}},
	} {
		d := open(t)
		commit(t, d, b, list[:1], "first")
		commit(t, d, b, list[1:2], "second")
		before := files(t, d.Path())
		var r simdisk.Recorder
		stop := durable.Hook(r.Step)
		c.change(d)
		stop()
		if len(r.Steps) < 4 {
			t.Fatalf("%s does %d steps", c.name, len(r.Steps))
		}
		rnd := rand.New(rand.NewPCG(5, 5))
		for n := range len(r.Steps) + 1 {
			for i := range 4 {
				disk := simdisk.New(before)
				for _, s := range r.Steps[:n] {
					disk.Do(s)
				}
				pick := rnd
				if i == 0 {
					pick = nil
				}
				got := restore(t, d.Path(), disk.After(pick))
				now, err := whole(t, got)
				if err != nil || !slices.Contains(now, 2) || n == len(r.Steps) && !slices.Equal(now, c.done) {
					t.Fatalf("%s, power cut behind step %d of %d: generations %v, %v", c.name, n, len(r.Steps), now, err)
				}
				commit(t, got, b, list, "next")
				if _, err := whole(t, got); err != nil {
					t.Fatalf("%s, the change after a power cut behind step %d: %v", c.name, n, err)
				}
			}
		}
	}
}

package durable_test

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/durable/simdisk"
)

// writes are what must be atomic and durable. old is the content before, "" for none.
var writes = []struct {
	name, old string
	write     func(path string) error
}{
	{"WriteFile", "old", func(path string) error { return durable.WriteFile(path, []byte("new content"), 0o644) }},
	{"WriteFile, first", "", func(path string) error { return durable.WriteFile(path, []byte("new content"), 0o644) }},
	{"Create", "", func(path string) error { return durable.Create(path, []byte("new content"), 0o644) }},
	{"CreateFrom", "", func(path string) error { return durable.CreateFrom(path, 0o644, pieces) }},
	{"WriteFrom", "old", func(path string) error { return durable.WriteFrom(path, 0o644, pieces) }},
}

func pieces(w io.Writer) error {
	for _, s := range []string{"new", " con", "tent"} {
		if _, err := io.WriteString(w, s); err != nil {
			return err
		}
	}
	return nil
}

// steps records what a write does to a disk that has old at path.
func steps(t *testing.T, old string, write func(path string) error) (path string, before map[string][]byte, list []durable.Step) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "f")
	before = map[string][]byte{filepath.ToSlash(path) + "-other": nil} // the folder is sure
	if old != "" {
		before[filepath.ToSlash(path)] = []byte(old)
		if err := os.WriteFile(path, []byte(old), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var r simdisk.Recorder
	defer durable.Hook(r.Step)()
	if err := write(path); err != nil {
		t.Fatal(err)
	}
	return path, before, r.Steps
}

// broken cuts the power behind every step, many times, and reports whether anything else
// than the old or the new content was left, or the old one once the write had ended.
func broken(path, old string, before map[string][]byte, list []durable.Step, rnd *rand.Rand) (what string, found bool) {
	path = filepath.ToSlash(path)
	for n := range len(list) + 1 {
		for range 50 {
			d := simdisk.New(before)
			for _, s := range list[:n] {
				d.Do(s)
			}
			b, there := d.After(rnd)[path]
			got := string(b)
			switch {
			case n == len(list) && got != "new content":
				return "after the write has ended: " + got, true
			case got == "new content", got == old && there == (old != ""):
			default:
				return "in between: " + got, true
			}
		}
	}
	return "", false
}

// TestPowerCut: after a power cut at any point the old or the new content is there, and
// the new one once the write has ended.
func TestPowerCut(t *testing.T) {
	for _, w := range writes {
		path, before, list := steps(t, w.old, w.write)
		for _, rnd := range []*rand.Rand{nil, rand.New(rand.NewPCG(1, 1))} {
			if what, bad := broken(path, w.old, before, list, rnd); bad {
				t.Errorf("%s: %s", w.name, what)
			}
		}
		// Every sync is needed: without it the simulation finds a loss.
		for i, s := range list {
			if s.Kind != durable.StepSync && s.Kind != durable.StepSyncDir {
				continue
			}
			less := slices.Delete(slices.Clone(list), i, i+1)
			if _, bad := broken(path, w.old, before, less, rand.New(rand.NewPCG(1, 1))); !bad {
				t.Errorf("%s without step %d, %s: nothing is lost, so the test proves nothing", w.name, i, s.Kind)
			}
		}
	}
}

// TestPowerCutOfACache: what was written without fsync may be anything.
func TestPowerCutOfACache(t *testing.T) {
	path, before, list := steps(t, "old", func(path string) error { return durable.WriteCache(path, []byte("new content"), 0o600) })
	if _, bad := broken(path, "old", before, list, rand.New(rand.NewPCG(1, 1))); !bad {
		t.Error("a cache is as sure as a file: then why two ways?")
	}
}

// TestMkdirAllIsDurable: folders are there once it has returned.
func TestMkdirAllIsDurable(t *testing.T) {
	root := t.TempDir()
	var r simdisk.Recorder
	restore := durable.Hook(r.Step)
	err := durable.MkdirAll(filepath.Join(root, "a", "b", "c"), 0o755)
	restore()
	if err != nil {
		t.Fatal(err)
	}
	d := simdisk.New(map[string][]byte{filepath.ToSlash(root) + "/x": nil})
	for _, s := range r.Steps {
		d.Do(s)
	}
	leaf := filepath.Join(root, "a", "b", "c", "f")
	d.Do(durable.Step{Kind: durable.StepCreate, Path: leaf})
	d.Do(durable.Step{Kind: durable.StepSyncDir, Path: filepath.Dir(leaf)})
	if _, ok := d.After(nil)[filepath.ToSlash(leaf)]; !ok {
		t.Errorf("lost: %v", d.After(nil))
	}
}

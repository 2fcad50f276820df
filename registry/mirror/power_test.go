package mirror_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/durable/simdisk"
	"github.com/plugstead/plugstead/internal/mirrortest"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/registry/mirror"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/registry/static"
)

// TestPowerCut cuts the power behind every step of a copy, the first one and one that adds
// a release: what a tree then says it has can be installed, and the next copy completes it.
func TestPowerCut(t *testing.T) {
	s := registrytest.New(t)
	publish(t, s, plugintest.Pack(t, "acme/a", "1.0.0", "requires: { acme/b: '*' }"), plugintest.Pack(t, "acme/b", "1.0.0"))
	dir := t.TempDir()
	first := record(t, s.Client(), dir)
	rnd := rand.New(rand.NewPCG(1, 2))
	cut(t, s.Client(), rnd, dir, nil, first, "", "acme/a 1.0.0, acme/b 1.0.0")
	before := mirrortest.Files(t, dir)
	publish(t, s, plugintest.Pack(t, "acme/a", "2.0.0", "requires: { acme/b: '*' }"))
	second := record(t, s.Client(), dir)
	cut(t, s.Client(), rnd, dir, before, second, "acme/a 1.0.0, acme/b 1.0.0", "acme/a 2.0.0, acme/b 1.0.0")
}

// record copies and returns what that did on disk.
func record(t *testing.T, from fetch.Source, dir string) []durable.Step {
	t.Helper()
	set, err := mirror.Select(t.Context(), from, mirror.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	var r simdisk.Recorder
	defer durable.Hook(r.Step)()
	if _, err := static.Copy(t.Context(), set, dir); err != nil {
		t.Fatal(err)
	}
	return r.Steps
}

// cut replays steps on a disk that has the files of before in dir. Whatever is left is the
// old set or the new one.
func cut(t *testing.T, from fetch.Source, rnd *rand.Rand, dir string, before map[string]string, steps []durable.Step, old, now string) {
	t.Helper()
	start := map[string][]byte{filepath.ToSlash(dir) + "/.lock": nil}
	for name, b := range before {
		start[filepath.ToSlash(dir)+"/"+name] = []byte(b)
	}
	seen := map[string]int{}
	for n := range len(steps) + 1 {
		d := simdisk.New(start)
		for _, s := range steps[:n] {
			d.Do(s)
		}
		left := t.TempDir()
		for path, b := range d.After(rnd) {
			rel, ok := strings.CutPrefix(path, filepath.ToSlash(dir)+"/")
			if !ok {
				continue
			}
			to := filepath.Join(left, filepath.FromSlash(rel))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got := ""
		if tree, err := static.Open(left); err == nil {
			if got, err = install(t, tree, "acme/a"); err != nil {
				t.Fatalf("behind step %d of %d: %v", n, len(steps), err)
			}
		} else if !errors.Is(err, static.ErrNotTree) {
			t.Fatalf("behind step %d: %v", n, err)
		}
		if got != old && got != now || n == len(steps) && got != now {
			t.Fatalf("behind step %d of %d: %q", n, len(steps), got)
		}
		seen[got]++
		if n%7 == 0 {
			mirrortest.Copy(t, from, left)
			if again := mirrortest.Files(t, left); !maps.Equal(again, mirrortest.Files(t, dir)) {
				t.Fatalf("behind step %d: the next copy made another tree", n)
			}
		}
	}
	if seen[old] < 10 || seen[now] == 0 {
		t.Errorf("%v", seen)
	}
}

// Package mirrortest copies plugins from one source to another in tests.
package mirrortest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/registry/mirror"
	"github.com/plugstead/plugstead/registry/static"
	"github.com/plugstead/plugstead/resolve"
)

// Wishes reads texts such as "acme/hello@^1". It ends the test if one is not a wish.
func Wishes(t testing.TB, list ...string) []resolve.Wish {
	t.Helper()
	var out []resolve.Wish
	for _, s := range list {
		w, err := resolve.ParseWish(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, w)
	}
	return out
}

// Select selects the plugins of the wishes in list, for any application. It ends the
// test if that fails.
func Select(t testing.TB, from fetch.Source, list ...string) *mirror.Set {
	t.Helper()
	set, err := mirror.Select(t.Context(), from, mirror.Selection{Wishes: Wishes(t, list...)})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Copy copies what [Select] selects to the static tree in dir. It ends the test if that
// fails.
func Copy(t testing.TB, from fetch.Source, dir string, list ...string) mirror.Report {
	t.Helper()
	rep, err := static.Copy(t.Context(), Select(t, from, list...), dir)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// Files returns the contents of the files of the static tree in dir by their path with
// slashes, without the lock, which means nothing. It ends the test if one cannot be read.
func Files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == ".lock" {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

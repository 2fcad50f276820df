package update_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/update"
)

// TestClockJumps gives all files of an installation times far in the future and far in
// the past, as after a clock was set: every verb works, and what is started is checked.
func TestClockJumps(t *testing.T) {
	url, dir := template(t)
	for name, jump := range map[string]time.Duration{"the clock was ahead": 24 * 365 * time.Hour, "the clock was behind": -40 * 24 * 365 * time.Hour} {
		for _, v := range verbs {
			trial := copyOf(t, dir)
			then := time.Now().Add(jump)
			err := filepath.WalkDir(trial, func(path string, _ fs.DirEntry, err error) error {
				return errors.Join(err, os.Chtimes(path, then, then))
			})
			if err != nil {
				t.Fatal(err)
			}
			u, err := at(url, trial)
			if err != nil {
				t.Fatal(err)
			}
			g, err := u.Dir.Active()
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range g.Records {
				if err := u.Dir.Check(t.Context(), r); err != nil {
					t.Errorf("%s: %s: %v", name, r.ID, err)
				}
			}
			if err := v.run(t.Context(), u); err != nil {
				t.Errorf("%s: %s: %v", name, v.name, err)
			}
			if err := judge(t, url, trial, v.after, v.run); err != nil {
				t.Errorf("%s: %s: %v", name, v.name, err)
			}
		}
	}
}

// TestReadOnly lets every step on disk fail as on a disk that is mounted for reading:
// changes say so and change nothing, and what is installed can be listed, checked and
// used.
func TestReadOnly(t *testing.T) {
	url, dir := template(t)
	for _, v := range verbs {
		trial := copyOf(t, dir)
		before := snapshot(t, trial)
		restore := durable.Hook(func(s durable.Step) error {
			return &os.PathError{Op: string(s.Kind), Path: s.Path, Err: syscall.EROFS}
		})
		u, err := at(url, trial)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.run(t.Context(), u); !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v", v.name, err)
		}
		if now, err := set(t.Context(), u); err != nil || now != installedBefore {
			t.Errorf("%s: the set is %q, %v", v.name, now, err)
		}
		used, err := u.Dir.Use()
		if err != nil {
			t.Errorf("%s: %v", v.name, err)
		} else if err := used.Release(); err != nil {
			t.Error(err)
		}
		if p, err := u.Plan(t.Context(), update.Change{UpdateAll: true}); err != nil || p.Empty() {
			t.Errorf("%s: a plan needs no disk: %v", v.name, err)
		}
		restore()
		if after := snapshot(t, trial); after != before {
			t.Errorf("%s: changed:\n%s\nbefore:\n%s", v.name, after, before)
		}
	}
}

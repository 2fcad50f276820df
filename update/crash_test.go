package update_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/durable"
	"github.com/plugstead/plugstead/internal/durable/crashtest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
)

var trials = flag.Int("crash", 25, "kills of each verb in TestKill")

// The set before each verb. What is disabled has "off" behind it.
const installedBefore = "acme/a 1.0.0, acme/b 1.0.0 off"

// verbs are the changes that are interrupted. Each is run again afterwards, to its end.
var verbs = []struct {
	name, after string
	run         func(context.Context, *update.Updater) error
}{
	{"install", "acme/a 1.0.0, acme/b 1.0.0 off, acme/c 1.0.0", func(ctx context.Context, u *update.Updater) error {
		_, _, err := u.Change(ctx, update.Change{Install: wishes("acme/c"), LockFile: filepath.Join(u.Dir.Path(), "..", "plugins.lock")})
		return err
	}},
	{"update", "acme/a 1.1.0, acme/b 1.1.0 off", func(ctx context.Context, u *update.Updater) error {
		_, _, err := u.Change(ctx, update.Change{UpdateAll: true})
		return err
	}},
	{"uninstall", "acme/b 1.0.0 off", func(ctx context.Context, u *update.Updater) error {
		g, err := u.Dir.Active()
		if err != nil {
			return err
		}
		if _, there := g.Find("acme/a"); !there {
			return nil
		}
		_, _, err = u.Change(ctx, update.Change{Uninstall: []manifest.ID{"acme/a"}})
		return err
	}},
	{"purge", "acme/b 1.0.0 off", func(ctx context.Context, u *update.Updater) error {
		g, err := u.Dir.Active()
		if err != nil {
			return err
		}
		if _, there := g.Find("acme/a"); there {
			if _, _, err := u.Change(ctx, update.Change{Uninstall: []manifest.ID{"acme/a"}}); err != nil {
				return err
			}
		}
		if err := u.Purge(ctx, "acme/a"); err != nil {
			return err
		}
		for id, want := range map[manifest.ID]bool{"acme/a": false, "acme/b": true} {
			if has, err := u.Dir.HasData(id); err != nil || has != want {
				return fmt.Errorf("data of %s: %t, %w", id, has, err)
			}
		}
		return nil
	}},
	{"rollback", "acme/a 1.0.0", func(ctx context.Context, u *update.Updater) error {
		_, err := u.Rollback(ctx, 1)
		return err
	}},
	{"disable", "acme/a 1.0.0 off, acme/b 1.0.0 off", func(ctx context.Context, u *update.Updater) error {
		_, err := u.Disable(ctx, "acme/a")
		return err
	}},
	{"enable", "acme/a 1.0.0, acme/b 1.0.0", func(ctx context.Context, u *update.Updater) error {
		_, err := u.Enable(ctx, "acme/b")
		return err
	}},
	{"gc", installedBefore, func(ctx context.Context, u *update.Updater) error {
		_, err := u.Collect(ctx, install.CollectOptions{Keep: -1, Grace: -1})
		return err
	}},
}

// template is a registry and an installation folder that trials copy.
func template(t *testing.T) (url, dir string) {
	t.Helper()
	w := newWorld(t)
	dir = t.TempDir()
	w.up = w.updater(filepath.Join(dir, "plugins"))
	w.up.Index.Cache = filepath.Join(dir, "cache")
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0")
	w.publish("acme/c", "1.0.0")
	w.change(wish(t, "acme/a@1.0.0"))
	w.change(wish(t, "acme/b@1.0.0"))
	w.publish("acme/d", "1.0.0")
	w.change(wish(t, "acme/d"))
	w.change(update.Change{Uninstall: []manifest.ID{"acme/d"}})
	w.change(wish(t, "acme/a", "acme/b"))
	if _, err := w.up.Disable(t.Context(), "acme/b"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []manifest.ID{"acme/a", "acme/b"} {
		data, err := w.up.Dir.DataDir(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, "notes"), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.publish("acme/a", "1.1.0")
	w.publish("acme/b", "1.1.0")
	if got, err := set(t.Context(), w.up); err != nil || got != installedBefore {
		t.Fatal(got, err)
	}
	return w.reg.URL, dir
}

// at opens the copy of a template.
func at(url, dir string) (*update.Updater, error) {
	d, err := install.Open(filepath.Join(dir, "plugins"))
	if err != nil {
		return nil, err
	}
	return into(url, dir, d)
}

// into is an updater of d, whose cache is in dir.
func into(url, dir string, d *install.Dir) (*update.Updater, error) {
	c, err := client.New(url, client.Options{})
	if err != nil {
		return nil, err
	}
	return &update.Updater{
		Sources: fetch.Sources{Default: c}, Index: fetch.IndexOptions{Cache: filepath.Join(dir, "cache")},
		Blobs: filepath.Join(d.Store(), "blobs"), Dir: d, Host: facts,
	}, nil
}

// judge makes sure that the set in dir is the old or the new one, whole, and that the
// verb can be carried to its end.
func judge(t *testing.T, url, dir, after string, verb func(context.Context, *update.Updater) error) error {
	t.Helper()
	u, err := at(url, dir)
	if err != nil {
		return err
	}
	if now, err := set(t.Context(), u); err != nil || now != installedBefore && now != after {
		return fmt.Errorf("behind it the set is %q, %v", now, err)
	}
	if err := verb(t.Context(), u); err != nil {
		return fmt.Errorf("the next run: %w", err)
	}
	if now, err := set(t.Context(), u); err != nil || now != after {
		return fmt.Errorf("behind the next run the set is %q, %v", now, err)
	}
	// A run that finds nothing to do sweeps nothing; any change does.
	if _, err := u.Collect(t.Context(), install.CollectOptions{}); err != nil {
		return fmt.Errorf("garbage collection behind it: %w", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "plugins", "*", durable.TempPrefix+"*")); err != nil || len(left) > 0 {
		return fmt.Errorf("%v is left, %v", left, err)
	}
	return nil
}

// set describes what is installed, every file of which is as it should be.
func set(ctx context.Context, u *update.Updater) (string, error) {
	list, err := u.Verify(ctx)
	g, aerr := u.Dir.Active()
	if err := errors.Join(err, aerr); err != nil {
		return "", err
	}
	var out []string
	for _, f := range list {
		if f.Err != nil {
			return "", f.Err
		}
		s := fmt.Sprintf("%s %s", f.ID, f.Version)
		if slices.Contains(g.Disabled, f.ID) {
			s += " off"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", "), nil
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestDiskFails lets every step that a verb does on disk fail in turn, with an error of
// the device and with a full disk: the verb fails, or does without, and what is
// installed is whole.
func TestDiskFails(t *testing.T) {
	url, dir := template(t)
	for _, v := range verbs {
		for _, broken := range []error{syscall.EIO, syscall.ENOSPC} {
			every := int64(1)
			if broken == syscall.ENOSPC {
				every = 3 // what follows fails as well
			}
			for n := int64(1); ; n += every {
				trial := copyOf(t, dir)
				u, err := at(url, trial)
				if err != nil {
					t.Fatal(err)
				}
				var step atomic.Int64
				var what durable.Step
				restore := durable.Hook(func(s durable.Step) error {
					now := step.Add(1)
					if now == n {
						what = s
						what.Data = nil
					}
					// A full disk stays full, but what is there can be removed and synced.
					if now == n || now > n && broken == syscall.ENOSPC && (s.Kind == durable.StepWrite || s.Kind == durable.StepCreate || s.Kind == durable.StepMkdir) {
						return &os.PathError{Op: string(s.Kind), Path: s.Path, Err: broken}
					}
					return nil
				})
				err = v.run(t.Context(), u)
				restore()
				if err != nil && !errors.Is(err, broken) {
					t.Errorf("%s, step %d (%+v): error %v", v.name, n, what, err)
				}
				if bad := judge(t, url, trial, v.after, v.run); bad != nil {
					t.Errorf("%s, step %d (%+v) failed with %v: %v", v.name, n, what, err, bad)
				}
				if n > step.Load() {
					if n < 4 {
						t.Errorf("%s does only %d steps", v.name, n-1)
					}
					break
				}
			}
		}
	}
}

// victim runs a verb: VERB URL DIR.
func victim(what string) error {
	f := strings.Fields(what)
	u, err := at(f[1], f[2])
	if err != nil {
		return err
	}
	for _, v := range verbs {
		if v.name == f[0] {
			return v.run(context.Background(), u)
		}
	}
	return fmt.Errorf("no verb %s", f[0])
}

func TestMain(m *testing.M) {
	crashtest.Main(victim)
	if dir := os.Getenv(envDie); dir != "" {
		die(dir)
	}
	if arg := os.Getenv(envMany); arg != "" {
		if err := one(arg); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	os.Exit(m.Run())
}

// TestKill ends a process with SIGKILL before a step on disk, each verb many times: the
// old or the new set is active, whole, and the next run goes to its end.
func TestKill(t *testing.T) {
	url, dir := template(t)
	for _, v := range verbs {
		prepare := func() string { return strings.Join([]string{v.name, url, copyOf(t, dir)}, " ") }
		crashtest.Trials(t, v.name, *trials, prepare, func(what string) error {
			return judge(t, url, strings.Fields(what)[2], v.after, v.run)
		})
	}
}

// wishes parses what is known to be right.
func wishes(list ...string) (out []resolve.Wish) {
	for _, s := range list {
		w, err := resolve.ParseWish(s)
		if err != nil {
			panic(err)
		}
		out = append(out, w)
	}
	return out
}

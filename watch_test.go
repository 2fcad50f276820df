package plugstead_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/registry/dropin"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/supervise"
)

// watching is a host that watches a folder, in a bubble: its time is long before that of
// the files, so that all of them are at rest.
type watching struct {
	t     *testing.T
	dir   string // of the drop-in folder
	reg   string // a folder of packed plugins
	h     *plugstead.Host
	r     *recorder
	clock func() time.Time
	end   func()

	mu     sync.Mutex
	events []plugstead.FolderEvent
}

// inBubble runs f with a host that watches an empty folder.
func inBubble(t *testing.T, f func(w *watching)) {
	t.Helper()
	w := &watching{dir: filepath.Join(t.TempDir(), "in"), reg: filepath.Join(t.TempDir(), "packed")}
	at := filepath.Join(t.TempDir(), "plugins")
	if _, err := disk.Open(w.reg); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w.t = t
		w.open(at)
		w.watch()
		f(w)
		w.close()
	})
}

func (w *watching) open(at string) {
	w.t.Helper()
	w.r = new(recorder)
	o := plugstead.Options{
		App: "acme", Version: "2.0.0", Dir: at, Registry: w.reg, Points: []*contract.Point{greeter}, CI: func() bool { return false },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	o.Events.Folder = func(e plugstead.FolderEvent) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
	}
	h, err := plugstead.OpenWith(w.t.Context(), []load.Driver{w.r}, o)
	if err == nil {
		err = h.Start(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.h = h
}

func (w *watching) watch() {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	o := plugstead.FolderOptions{Scan: dropin.Options{Now: w.clock}}
	go func() { ended <- w.h.WatchFolder(ctx, w.dir, o) }()
	w.end = func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			w.t.Errorf("the watch ended with %v", err)
		}
	}
	synctest.Wait()
}

func (w *watching) close() {
	w.t.Helper()
	w.end()
	if err := w.h.Close(); err != nil {
		w.t.Error(err)
	}
}

// later lets some rounds go by and returns what was told.
func (w *watching) later() []plugstead.FolderEvent {
	time.Sleep(3 * plugstead.DefaultEvery)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.events
	w.events = nil
	return out
}

// expect lets rounds go by: the running plugins, and what was told, in any order: errors by
// a part of their text, changes by "+".
func (w *watching) expect(running string, told ...string) []plugstead.FolderEvent {
	w.t.Helper()
	events := w.later()
	if got := runs(w.h); got != running {
		w.t.Errorf("runs %s, want %s", got, running)
	}
	left := slices.Clone(told)
	for _, e := range events {
		i := slices.IndexFunc(left, func(want string) bool {
			if e.Err == nil {
				return want == "+"
			}
			return want != "+" && strings.Contains(e.Err.Error(), want)
		})
		if i < 0 || e.Dir != w.dir || (e.Err == nil) != (e.Generation > 0) {
			w.t.Errorf("told %+v", e)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		w.t.Errorf("not told: %q", left)
	}
	return events
}

func (w *watching) drop(name, id, v string, more ...string) {
	w.t.Helper()
	w.write(filepath.Join(name, "plugin.yaml"), plugintest.YAML(id, v, more...))
	w.write(filepath.Join(name, "m.wasm"), "\x00asm "+id+" "+v)
}

func (w *watching) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watching) remove(name string) {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.dir, name)); err != nil {
		w.t.Fatal(err)
	}
}

// publish packs a plugin into the folder that the host has as its registry.
func (w *watching) publish(id, v string, more ...string) {
	w.t.Helper()
	to, err := disk.Open(w.reg)
	if err != nil {
		w.t.Fatal(err)
	}
	plugintest.Push(w.t, to, plugintest.Pack(w.t, id, v, more...))
}

func (w *watching) generation() *plugstead.Generation {
	w.t.Helper()
	g, err := w.h.Installed()
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

// TestWatch: what is dropped in is installed, updated and uninstalled, in one change a scan.
func TestWatch(t *testing.T) {
	inBubble(t, func(w *watching) {
		w.expect("")
		w.drop("a", "acme/a", "1.0.0", "requires: { acme/b: ^1 }")
		w.drop("b", "acme/b", "1.0.0")
		w.expect("acme/a 1.0.0, acme/b 1.0.0", "+")
		g := w.generation()
		if l, ok := g.Lock.Find("acme/b"); g.Number != 1 || !ok || l.Source != "dropin:"+filepath.ToSlash(w.dir) || len(g.Lock.Requests) != 2 {
			t.Errorf("%+v", g.Lock)
		}
		w.expect("acme/a 1.0.0, acme/b 1.0.0")
		w.drop("b2", "acme/b", "1.1.0")
		w.expect("acme/a 1.0.0, acme/b 1.1.0", "+")
		w.remove("b") // an old version
		w.expect("acme/a 1.0.0, acme/b 1.1.0")
		w.drop("a", "acme/a", "2.0.0-rc.1")
		w.expect("acme/a 2.0.0-rc.1, acme/b 1.1.0", "+")
		w.remove("a")
		w.remove("b2")
		w.expect("", "+")
		if g := w.generation(); g.Number != 4 || len(g.Lock.Requests) != 0 || g.Why != "uninstall acme/a acme/b" {
			t.Errorf("%d %s", g.Number, g.Why)
		}
	})
}

// TestWatchLeavesOthers: plugins from elsewhere are neither moved nor removed, and dropped
// ones find what they require there; both can be changed together later.
func TestWatchLeavesOthers(t *testing.T) {
	inBubble(t, func(w *watching) {
		w.publish("acme/a", "1.0.0")
		w.publish("acme/base", "1.0.0")
		if err := w.h.Install(w.t.Context(), "acme/a"); err != nil {
			t.Fatal(err)
		}
		w.drop("a", "acme/a", "2.0.0")
		w.drop("b", "acme/b", "1.0.0", "requires: { acme/base: ^1 }")
		events := w.expect("acme/a 1.0.0, acme/b 1.0.0, acme/base 1.0.0", "+", "acme/a 2.0.0: it was installed from elsewhere")
		if !slices.ContainsFunc(events, func(e plugstead.FolderEvent) bool { return errors.Is(e.Err, plugstead.ErrElsewhere) }) {
			t.Errorf("%+v", events)
		}
		w.publish("acme/base", "1.1.0")
		w.publish("acme/b", "9.0.0") // of somebody else
		if err := w.h.Update(w.t.Context()); err != nil {
			t.Fatal(err)
		}
		w.expect("acme/a 1.0.0, acme/b 1.0.0, acme/base 1.1.0")
		w.publish("acme/user", "1.0.0", "requires: { acme/b: ^1 }")
		if err := w.h.Install(w.t.Context(), "acme/user"); err != nil {
			t.Fatal(err)
		}
		w.remove("b")
		w.expect("acme/a 1.0.0, acme/b 1.0.0, acme/base 1.1.0, acme/user 1.0.0", "acme/b is gone and stays installed: uninstall acme/b: needed by other plugins")
		if err := w.h.Update(w.t.Context()); err != nil {
			t.Errorf("an update of others: %v", err)
		}
		if err := w.h.Uninstall(w.t.Context(), "acme/user"); err != nil {
			t.Fatal(err)
		}
		w.expect("acme/a 1.0.0", "+")
		if err := w.h.Uninstall(w.t.Context(), "acme/a"); err != nil {
			t.Fatal(err)
		}
		w.expect("acme/a 2.0.0", "+") // now it is nobody else's
	})
}

// TestWatchRefuses: what is not to be taken is told once, and stops nothing else.
func TestWatchRefuses(t *testing.T) {
	inBubble(t, func(w *watching) {
		w.drop("a", "acme/a", "1.1.0")
		w.drop("broken", "acme/x", "1.0.0", "id: twice")
		w.drop("needy", "acme/needy", "1.0.0", "requires: { acme/none: ^1 }")
		w.drop("newer", "acme/newer", "1.0.0", "host: { acme: ^9 }")
		w.drop("one", "acme/two", "1.0.0")
		w.drop("two", "acme/two", "1.0.0")
		w.write("two/m.wasm", "\x00asm other")
		w.write("readme", "hello")
		events := w.expect("acme/a 1.1.0", "+", `"broken"`, "acme/needy 1.0.0: ", "acme/newer 1.0.0: ", `"one"`, `"one"`, `"readme"`)
		kinds := map[string]bool{}
		for _, e := range events {
			if d, ok := errors.AsType[*plugstead.DropError](e.Err); ok {
				_, failure := errors.AsType[*resolve.Failure](e.Err)
				kinds[string(d.ID)] = failure
			}
		}
		if !kinds["acme/needy"] || !kinds["acme/newer"] {
			t.Errorf("%v", kinds)
		}
		w.expect("acme/a 1.1.0")
		w.write("a/m.wasm", "\x00asm changed")
		w.expect("acme/a 1.1.0", "raise the version, or use a development override")
		w.drop("a", "acme/a", "1.0.0")
		w.expect("acme/a 1.1.0", "acme/a 1.0.0: it is older than what is installed")
		w.drop("a", "acme/a", "1.2.0")
		w.expect("acme/a 1.2.0", "+")
		w.drop("none", "acme/none", "1.0.0")
		w.expect("acme/a 1.2.0, acme/needy 1.0.0, acme/none 1.0.0", "+", "+")
		w.write("a/plugin.yaml", "id: Bad\n")
		w.expect("acme/a 1.2.0, acme/needy 1.0.0, acme/none 1.0.0", `"a"`)
		w.remove("a")
		w.remove("broken") // of which nobody could tell what it is
		w.expect("acme/needy 1.0.0, acme/none 1.0.0", "+")
	})
}

// TestWatchBadPlugin: a dropped plugin that does not start is held back, and the others go
// on.
func TestWatchBadPlugin(t *testing.T) {
	inBubble(t, func(w *watching) {
		w.r.hook = func(im load.Image) error {
			if im.Manifest.ID == "acme/bad" {
				return errors.New("panic: mine")
			}
			return nil
		}
		w.drop("bad", "acme/bad", "1.0.0")
		w.drop("good", "acme/good", "1.0.0")
		events := w.expect("acme/good 1.0.0", "+", "acme/bad 1.0.0: ")
		if !slices.ContainsFunc(events, func(e plugstead.FolderEvent) bool {
			_, start := errors.AsType[*supervise.StartError](e.Err)
			_, failure := errors.AsType[*resolve.Failure](e.Err) // it is held back by then
			return start || failure && strings.Contains(e.Err.Error(), "held back")
		}) {
			t.Errorf("%+v", events)
		}
		if len(w.generation().Held) != 1 {
			t.Errorf("held %+v", w.generation().Held)
		}
		w.drop("more", "acme/more", "1.0.0")
		for _, e := range w.later() {
			if e.Err != nil && !strings.Contains(e.Err.Error(), "acme/bad") {
				t.Error(e.Err)
			}
		}
		if got := runs(w.h); got != "acme/good 1.0.0, acme/more 1.0.0" {
			t.Errorf("runs %s", got)
		}
	})
}

// TestWatchSettles: what has just changed waits, and is not taken for gone.
func TestWatchSettles(t *testing.T) {
	var mu sync.Mutex
	now := time.Now().Add(time.Hour)
	set := func(t time.Time) { mu.Lock(); defer mu.Unlock(); now = t }
	inBubble(t, func(w *watching) {
		w.end()
		w.clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		w.watch()
		w.drop("a", "acme/a", "1.0.0")
		w.expect("acme/a 1.0.0", "+")
		w.drop("a", "acme/a", "1.1.0")
		st, err := os.Stat(filepath.Join(w.dir, "a", "m.wasm"))
		if err != nil {
			t.Fatal(err)
		}
		set(st.ModTime().Add(time.Second))
		w.expect("acme/a 1.0.0")
		w.remove("a/plugin.yaml") // a copy under way
		w.expect("acme/a 1.0.0")
		w.drop("a", "acme/a", "1.1.0")
		set(st.ModTime().Add(time.Hour))
		w.expect("acme/a 1.1.0", "+")
	})
}

// TestWatchFolderAway: a folder that cannot be read uninstalls nothing, and counts again
// when it is back.
func TestWatchFolderAway(t *testing.T) {
	inBubble(t, func(w *watching) {
		w.drop("a", "acme/a", "1.0.0")
		w.expect("acme/a 1.0.0", "+")
		away := w.dir + "-away"
		if err := os.Rename(w.dir, away); err != nil {
			t.Fatal(err)
		}
		events := w.expect("acme/a 1.0.0", "no such file")
		if len(events) != 1 || !errors.Is(events[0].Err, fs.ErrNotExist) {
			t.Errorf("%+v", events)
		}
		w.publish("acme/x", "1.0.0")
		if err := w.h.Install(w.t.Context(), "acme/x"); err != nil {
			t.Errorf("another change meanwhile: %v", err)
		}
		if err := os.Rename(away, w.dir); err != nil {
			t.Fatal(err)
		}
		w.expect("acme/a 1.0.0, acme/x 1.0.0")
		w.remove("a")
		w.expect("acme/x 1.0.0", "+")
	})
}

// TestWatchAgain: what went while nobody watched is uninstalled, and what is there stays;
// without a watch the installed set can be changed as any other.
func TestWatchAgain(t *testing.T) {
	inBubble(t, func(w *watching) {
		w.drop("a", "acme/a", "1.0.0")
		w.drop("b", "acme/b", "1.0.0")
		w.expect("acme/a 1.0.0, acme/b 1.0.0", "+")
		at := w.h.Dir()
		w.close()
		w.remove("a")
		w.open(at)
		w.publish("acme/x", "1.0.0")
		if err := errors.Join(w.h.Install(w.t.Context(), "acme/x"), w.h.Update(w.t.Context())); err != nil {
			t.Errorf("without a watch: %v", err)
		}
		if got := runs(w.h); got != "acme/a 1.0.0, acme/b 1.0.0, acme/x 1.0.0" {
			t.Errorf("runs %s", got)
		}
		w.watch()
		w.expect("acme/b 1.0.0, acme/x 1.0.0", "+")
	})
}

// TestWatchRetries: what another part of the world keeps from working is tried again.
func TestWatchRetries(t *testing.T) {
	inBubble(t, func(w *watching) {
		w.drop("a", "acme/a", "1.0.0", "requires: { acme/base: ^1 }")
		w.expect("", "acme/base")
		w.publish("acme/base", "1.0.0")
		w.expect("")
		time.Sleep(plugstead.DefaultRetry)
		w.expect("acme/a 1.0.0, acme/base 1.0.0", "+")
	})
}

// TestWatchAndOverrides: an override runs in front of what is dropped in.
func TestWatchAndOverrides(t *testing.T) {
	inBubble(t, func(w *watching) {
		if err := w.h.Override(w.t.Context(), devFolder(w.t, "acme/dev", "0.1.0")); err != nil {
			t.Fatal(err)
		}
		w.drop("a", "acme/a", "1.0.0")
		w.drop("dev", "acme/dev", "1.0.0")
		w.expect("acme/a 1.0.0, acme/dev 0.1.0", "+")
		if err := w.h.Uninstall(w.t.Context(), "acme/dev"); err != nil {
			t.Fatal(err)
		}
		w.expect("acme/a 1.0.0, acme/dev 1.0.0")
	})
}

// TestWatchNothing: a folder that is not there at the beginning is an error.
func TestWatchNothing(t *testing.T) {
	inBubble(t, func(w *watching) {
		if err := w.h.WatchFolder(w.t.Context(), filepath.Join(w.dir, "none"), plugstead.FolderOptions{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}

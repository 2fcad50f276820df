package update_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/update"
)

// journal is a host whose plugins note in their private folder who started, each in its own
// format: version 2 of the state cannot be read by what knows version 1.
type journal struct {
	*world
	set   *supervise.Set
	mu    sync.Mutex        // guards notes and order
	notes map[string]string // what each start found, by "id version"
	order []string
	fail  string // "id version" that does not start
}

func newJournal(t *testing.T) *journal {
	d := &journal{world: newWorld(t), notes: map[string]string{}}
	d.set = d.run(fakeDriver{
		hook: func(im load.Image) error {
			if string(im.Manifest.ID)+" "+im.Manifest.Version.String() == d.fail && !strings.Contains(im.Data, "staging") {
				return errors.New("no such font")
			}
			return nil
		},
		spec: func(im load.Image, s load.Spec) {
			if strings.Contains(s.DataDir, "staging") {
				return // probed
			}
			name := string(im.Manifest.ID) + " " + im.Manifest.Version.String()
			path := filepath.Join(s.DataDir, "diary")
			b, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
			d.note(func() {
				d.notes[name] = string(b)
				d.order = append(d.order, "start "+name)
			})
			if err := os.WriteFile(path, append(b, im.Manifest.Version.String()+" "...), 0o600); err != nil {
				t.Error(err)
			}
		},
		image: func(im load.Image, i *fakeInstance) {
			name := string(im.Manifest.ID) + " " + im.Manifest.Version.String()
			i.quiesced = func() { d.note(func() { d.order = append(d.order, "quiesce "+name) }) }
			i.stopped = func() { d.note(func() { d.order = append(d.order, "stop "+name) }) }
		},
	})
	if _, err := d.up.Start(t.Context(), d.set); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.up.Release() })
	return d
}

// note runs f, of which only one runs at a time: plugins start and stop side by side.
func (d *journal) note(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// found makes sure what the last start of a release found in its diary.
func (d *journal) found(name, want string) {
	d.t.Helper()
	if got, ok := d.notes[name]; !ok || got != want {
		d.t.Errorf("%s found %q, want %q", name, got, want)
	}
	delete(d.notes, name)
}

func (d *journal) all() {
	d.t.Helper()
	d.change(update.Change{UpdateAll: true})
}

func (d *journal) back(to int) {
	d.t.Helper()
	if _, err := d.up.Rollback(d.t.Context(), to); err != nil {
		d.t.Fatal(err)
	}
}

// TestState: newer code gets a copy of the data, so that a rollback finds the old data;
// without a new state.version both share one folder.
func TestState(t *testing.T) {
	d := newJournal(t)
	d.publish("acme/a", "1.0.0", "state: { version: 1 }")
	d.change(wish(t, "acme/a")) // generation 1
	d.found("acme/a 1.0.0", "")
	d.publish("acme/a", "1.1.0", "state: { version: 1 }")
	d.all()                           // 2
	d.found("acme/a 1.1.0", "1.0.0 ") // shared
	d.publish("acme/a", "2.0.0", "state: { version: 2 }")
	d.order = nil
	d.change(wish(t, "acme/a@2"))           // 3
	d.found("acme/a 2.0.0", "1.0.0 1.1.0 ") // copied
	// The old one is stopped before its data is copied.
	want := []string{"quiesce acme/a 1.1.0", "stop acme/a 1.1.0", "start acme/a 2.0.0"}
	if got := slices.DeleteFunc(slices.Clone(d.order), func(s string) bool { return s == "stop acme/a 2.0.0" }); !slices.Equal(got, want) {
		t.Errorf("order %v", d.order)
	}
	d.back(0)                                     // 4
	d.found("acme/a 1.1.0", "1.0.0 1.1.0 ")       // as it was, without a word of 2.0.0
	d.back(3)                                     // 5
	d.found("acme/a 2.0.0", "1.0.0 1.1.0 2.0.0 ") // what that generation had
	// An older release by name goes back to the data that it can read.
	d.change(update.Change{Install: wishes("acme/a@=1.0.0"), Rules: resolve.Rules{Downgrade: true}}) // 6
	d.found("acme/a 1.0.0", "1.0.0 1.1.0 1.1.0 ")
	// And forward again: the new data begins with what was written since.
	d.change(wish(t, "acme/a@2")) // 7
	d.found("acme/a 2.0.0", "1.0.0 1.1.0 1.1.0 1.0.0 ")
	g, err := d.up.Dir.Active()
	if err != nil || g.Records[0].Data.Folder != 7 || !slices.Equal(g.Records[0].Data.From, []int{0}) {
		t.Errorf("%+v, %v", g.Records[0].Data, err)
	}
}

// TestStateOfAFailedUpdate: one that does not start leaves the old data as it was, and
// what was stopped for it runs again.
func TestStateOfAFailedUpdate(t *testing.T) {
	d := newJournal(t)
	d.publish("acme/a", "1.0.0", "state: { version: 1 }")
	d.publish("acme/z", "1.0.0")
	d.change(wish(t, "acme/a", "acme/z"))
	d.publish("acme/a", "1.1.0", "state: { version: 2 }")
	for _, fail := range []string{"acme/a 1.1.0", "acme/z 1.1.0"} {
		d.publish("acme/z", map[string]string{"acme/a 1.1.0": "1.0.1", "acme/z 1.1.0": "1.1.0"}[fail])
		d.fail = fail
		if _, _, err := d.up.Change(t.Context(), update.Change{UpdateAll: true, Retry: true}); err == nil {
			t.Fatalf("%s starts", fail)
		}
		if got := names(d.set); got != "acme/a 1.0.0, acme/z 1.0.0" {
			t.Errorf("%s: running %s", fail, got)
		}
		d.expect("acme/a 1.0.0, acme/z 1.0.0")
	}
	d.found("acme/a 1.0.0", "1.0.0 1.0.0 ") // started again twice, in its own folder
	b, err := os.ReadFile(filepath.Join(d.up.Dir.Path(), "data", "acme", "a", "diary"))
	if err != nil || strings.Contains(string(b), "1.1.0") {
		t.Errorf("%s, %v", b, err)
	}
}

// TestStateWithoutAHost: what a change without a running host installs is copied when the
// host starts, with what was written until then.
func TestStateWithoutAHost(t *testing.T) {
	d := newJournal(t)
	d.publish("acme/a", "1.0.0", "state: { version: 1 }")
	d.change(wish(t, "acme/a"))
	cli := d.updater(d.up.Dir.Path())
	for _, v := range []string{"2", "3"} { // nobody starts the first of them
		d.publish("acme/a", "1.1."+v, "state: { version: "+v+" }")
		if _, _, err := cli.Change(t.Context(), update.Change{UpdateAll: true}); err != nil {
			t.Fatal(err)
		}
	}
	late := filepath.Join(d.up.Dir.Path(), "data", "acme", "a", "diary")
	if err := os.WriteFile(late, []byte("late "), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.up.Start(t.Context(), d.set); err != nil {
		t.Fatal(err)
	}
	d.found("acme/a 1.1.3", "late ")
	entries, err := os.ReadDir(filepath.Join(d.up.Dir.Path(), "data", "acme"))
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestStateAfterUninstall: data stays when a plugin goes, is found when it comes back, and
// goes with purge.
func TestStateAfterUninstall(t *testing.T) {
	d := newJournal(t)
	d.publish("acme/a", "1.0.0", "state: { version: 1 }")
	d.publish("acme/b", "1.0.0")
	d.change(wish(t, "acme/a", "acme/b"))
	d.publish("acme/a", "2.0.0", "state: { version: 2 }")
	d.change(wish(t, "acme/a@2"))
	d.found("acme/a 2.0.0", "1.0.0 ")
	if err := d.up.Purge(t.Context(), "acme/a"); !errors.Is(err, install.ErrInstalled) {
		t.Errorf("purge of what is installed: %v", err)
	}
	gone := update.Change{Uninstall: []manifest.ID{"acme/a"}}
	g := d.change(gone)
	if len(g.Left) != 1 || g.Left[0].ID != "acme/a" || g.Left[0].State != 2 || g.Left[0].Data.Folder != 2 {
		t.Errorf("left %+v", g.Left)
	}
	d.change(update.Change{Uninstall: []manifest.ID{"acme/b"}}) // it is remembered on
	if g = d.change(wish(t, "acme/a@2")); len(g.Left) != 0 {
		t.Errorf("left %+v", g.Left)
	}
	d.found("acme/a 2.0.0", "1.0.0 2.0.0 ")
	d.change(gone)
	other, err := d.up.Dir.UseOf(2) // another host has not stopped yet
	if err != nil {
		t.Fatal(err)
	}
	if err := d.up.Purge(t.Context(), "acme/a"); !errors.Is(err, install.ErrRunning) {
		t.Errorf("purge of what runs: %v", err)
	}
	if err := errors.Join(other.Release(), d.up.Purge(t.Context(), "acme/a")); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[manifest.ID]bool{"acme/a": false, "acme/b": true} {
		if has, err := d.up.Dir.HasData(id); err != nil || has != want {
			t.Errorf("data of %s: %v, %v", id, has, err)
		}
	}
	d.back(1)
	d.found("acme/a 1.0.0", "")
}

// TestStateIsCollected: private folders go with the generations that had them, and not
// before; those of what is not installed stay.
func TestStateIsCollected(t *testing.T) {
	d := newJournal(t)
	d.publish("acme/a", "1.0.0", "state: { version: 1 }")
	d.publish("acme/gone", "1.0.0", "state: { version: 1 }")
	d.change(wish(t, "acme/a", "acme/gone")) // 1
	for _, v := range []string{"2", "3"} {
		d.publish("acme/a", "1.1."+v, "state: { version: "+v+" }")
		d.all() // 2, 3
	}
	d.change(update.Change{Uninstall: []manifest.ID{"acme/gone"}}) // 4
	odd := []string{"a@x", "a@02", "a@", "a@99", "other@1"}
	for _, name := range odd { // not ours, of the future, and of nobody known
		if err := os.MkdirAll(filepath.Join(d.up.Dir.Path(), "data", "acme", name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	collect := func(keep int, grace time.Duration, want ...string) {
		t.Helper()
		c, err := d.up.Collect(t.Context(), install.CollectOptions{Keep: keep, Grace: grace})
		if err != nil || !slices.Equal(c.Data, want) {
			t.Errorf("keep %d: %v, %v, want %v", keep, c.Data, err, want)
		}
	}
	collect(5, -1)
	collect(-1, time.Hour)
	collect(2, -1, "acme/a")
	d.back(2) // its data is there
	d.found("acme/a 1.1.2", "1.0.0 1.1.2 ")
	collect(-1, -1, "acme/a@3")
	entries, err := os.ReadDir(filepath.Join(d.up.Dir.Path(), "data", "acme"))
	if err != nil || len(entries) != len(odd)+2 { // and a@2 and gone
		t.Errorf("%v, %v", entries, err)
	}
}

// TestCopyFailsIsNobodysFault: a full disk says nothing about a release.
func TestCopyFailsIsNobodysFault(t *testing.T) {
	im := load.Image{
		Manifest: &manifest.Manifest{ID: "acme/a"}, Runtime: manifest.RuntimeWasm, Data: t.TempDir(),
		MakeData: func(context.Context) error { return os.ErrPermission },
	}
	set := supervise.New([]load.Driver{fakeDriver{}}, func(load.Image) (load.Spec, error) { return load.Spec{}, nil }, supervise.Policy{}, supervise.Events{})
	defer set.Close()
	err := set.Sync(t.Context(), []load.Image{im})
	if _, blamed := errors.AsType[*supervise.StartError](err); !errors.Is(err, os.ErrPermission) || blamed {
		t.Error(err)
	}
}

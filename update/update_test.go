package update_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/plugintest"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/registrytest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

var facts = resolve.Host{
	App: "acme", Version: version.MustParse("2.0.0"), Points: []manifest.PointRef{{ID: "acme.dev/greeter", Major: 1}}, Runtimes: []string{"wasm"},
}

// world is a registry and an installation folder.
type world struct {
	t   *testing.T
	reg *registrytest.Server
	up  *update.Updater
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, reg: registrytest.New(t)}
	w.up = w.updater(t.TempDir())
	return w
}

func (w *world) updater(dir string) *update.Updater {
	w.t.Helper()
	d, err := install.Open(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	return &update.Updater{Sources: fetch.Sources{Default: w.reg.ClientWith("")}, Blobs: filepath.Join(dir, "blobs"), Dir: d, Host: facts}
}

func (w *world) publish(id, v string, more ...string) {
	w.t.Helper()
	p := plugintest.Pack(w.t, id, v, more...)
	plugintest.Push(w.t, w.reg.Client().Target(p.Manifest.ID), p)
}

func (w *world) change(c update.Change) *install.Generation {
	w.t.Helper()
	_, g, err := w.up.Change(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

func wish(t *testing.T, list ...string) (c update.Change) {
	t.Helper()
	for _, s := range list {
		w, err := resolve.ParseWish(s)
		if err != nil {
			t.Fatal(err)
		}
		c.Install = append(c.Install, w)
	}
	return c
}

func (w *world) expect(want string) {
	w.t.Helper()
	g, err := w.up.Dir.Active()
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, r := range g.Records {
		got = append(got, fmt.Sprintf("%s %s", r.ID, r.Manifest.Version))
		b, err := os.ReadFile(filepath.Join(r.Tree, "m.wasm"))
		if err != nil || string(b) != "\x00asm "+string(r.ID)+" "+r.Manifest.Version.String() {
			w.t.Fatalf("files of %s: %q, %v", r.ID, b, err)
		}
	}
	slices.Sort(got)
	if s := strings.Join(got, ", "); s != want {
		w.t.Fatalf("installed %s, want %s", s, want)
	}
}

func TestLife(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", "requires: { acme/b: ^1 }")
	w.publish("acme/b", "1.0.0")
	w.change(wish(t, "acme/a"))
	w.expect("acme/a 1.0.0, acme/b 1.0.0")

	w.publish("acme/a", "1.1.0", "requires: { acme/b: ^1.1 }")
	w.publish("acme/b", "1.1.0")
	w.publish("acme/b", "2.0.0")
	out, err := w.up.Outdated(t.Context(), update.Change{})
	if err != nil || len(out) != 2 || out[0].ID != "acme/b" || out[0].Wanted.String() != "1.1.0" || out[0].Latest.String() != "2.0.0" || !strings.Contains(out[0].WhyNot, "requires acme/b ^1.1") {
		t.Fatalf("%+v, %v", out, err)
	}
	w.change(update.Change{UpdateAll: true})
	w.expect("acme/a 1.1.0, acme/b 1.1.0")

	if _, err := w.up.Rollback(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
	if _, err := w.up.Rollback(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	w.expect("acme/a 1.1.0, acme/b 1.1.0")
	w.change(update.Change{Uninstall: []manifest.ID{"acme/a"}})
	w.expect("")
	history, err := w.up.Dir.History()
	if err != nil || len(history) != 5 || history[0].Why != "uninstall acme/a" || history[4].Why != "install acme/a" || history[2].From != 1 {
		t.Fatalf("%+v, %v", history, err)
	}
}

func TestInstallMovesNothingElse(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.change(wish(t, "acme/a"))
	w.publish("acme/a", "1.1.0")
	w.publish("acme/b", "1.0.0", "requires: { acme/a: ^1 }")
	w.change(wish(t, "acme/b"))
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
	w.change(update.Change{Update: []manifest.ID{"acme/a"}})
	w.expect("acme/a 1.1.0, acme/b 1.0.0")
}

func TestNothingToDo(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	first := w.change(wish(t, "acme/a"))
	if again := w.change(wish(t, "acme/a")); again.Number != first.Number {
		t.Fatalf("generation %d became %d", first.Number, again.Number)
	}
	p, err := w.up.Plan(t.Context(), update.Change{UpdateAll: true})
	if err != nil || !p.Empty() || len(p.Changes()) != 0 {
		t.Fatal(p, err)
	}
}

func TestPlanSaysWhatChanges(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", "requires: { acme/b: ^1 }")
	w.publish("acme/b", "1.0.0")
	w.change(wish(t, "acme/a"))
	w.publish("acme/a", "2.0.0", `capabilities: ["env:HOME"]`)
	p, err := w.up.Plan(t.Context(), wish(t, "acme/a"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range p.Lines {
		got = append(got, fmt.Sprintf("%s %s %s>%s %v %v", l.Do, l.ID, l.From, l.To, l.Because, l.Asks))
	}
	want := "update acme/a 1.0.0>2.0.0 [you] [env:HOME]; remove acme/b 1.0.0>0.0.0 [] []"
	if s := strings.Join(got, "; "); s != want {
		t.Fatalf("got %s, want %s", s, want)
	}
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", "requires: { acme/b: ^1 }")
	w.publish("acme/b", "1.0.0")
	w.publish("acme/c", "1.0.0", "requires: { acme/none: ^1 }")
	w.publish("acme/old", "1.0.0", "host: { acme: <2 }")
	w.change(wish(t, "acme/a"))
	before := snapshot(t, w.up.Dir.Path())
	for name, c := range map[string]struct {
		change update.Change
		is     error
		text   string
	}{
		"unknown":            {wish(t, "acme/nobody"), nil, "no plugin is called acme/nobody"},
		"unknown dependency": {wish(t, "acme/c"), nil, "acme/c 1.0.0 requires acme/none"},
		"host too old":       {wish(t, "acme/old"), nil, "is for acme <2"},
		"range":              {wish(t, "acme/a@^9"), nil, "you asked for acme/a ^9"},
		"needed":             {update.Change{Uninstall: []manifest.ID{"acme/b"}}, update.ErrNeeded, "acme/a"},
		"not installed":      {update.Change{Uninstall: []manifest.ID{"acme/x"}}, update.ErrNotInstalled, ""},
		"update of nothing":  {update.Change{Update: []manifest.ID{"acme/x"}}, update.ErrNotInstalled, ""},
	} {
		_, _, err := w.up.Change(t.Context(), c.change)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := snapshot(t, w.up.Dir.Path()); after != before {
		t.Fatalf("something changed on disk:\n%s\n%s", before, after)
	}
}

// snapshot lists every file with its size.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		st, err := e.Info()
		fmt.Fprintf(&b, "%s %d\n", p, st.Size())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestYanked(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/a", "1.1.0")
	w.change(wish(t, "acme/a"))
	if _, err := w.reg.Client().Yank(t.Context(), registry.Yank{ID: "acme/a", Version: version.MustParse("1.1.0"), Reason: "eats files"}); err != nil {
		t.Fatal(err)
	}
	out, err := w.up.Outdated(t.Context(), update.Change{})
	if err != nil || out[0].Yanked != "eats files" {
		t.Fatalf("%+v %v", out, err)
	}
	w.change(update.Change{UpdateAll: true}) // whoever has it keeps it
	w.expect("acme/a 1.1.0")
	other := newWorld(t)
	other.reg, other.up = w.reg, w.updater(t.TempDir())
	other.change(wish(t, "acme/a")) // nobody new gets it
	other.expect("acme/a 1.0.0")
}

func TestStalePlan(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0")
	p, err := w.up.Plan(t.Context(), wish(t, "acme/a"))
	if err != nil {
		t.Fatal(err)
	}
	w.change(wish(t, "acme/b"))
	if _, err := w.up.Apply(t.Context(), p); !errors.Is(err, update.ErrStale) {
		t.Fatal(err)
	}
	w.expect("acme/b 1.0.0")
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i := range 8 {
		w.publish(fmt.Sprintf("acme/p%d", i), "1.0.0")
		want = append(want, fmt.Sprintf("acme/p%d 1.0.0", i))
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			up := w.updater(w.up.Dir.Path()) // as another process would
			if _, _, err := up.Change(t.Context(), wish(t, fmt.Sprintf("acme/p%d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.expect(strings.Join(want, ", "))
}

func TestPayloadIsKeptOnce(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	g := w.change(wish(t, "acme/a"))
	l, _ := g.Lock.Find("acme/a")
	d := artifact.Descriptor{Digest: l.Packages[0].Payload.Digest, Size: l.Packages[0].Payload.Size}
	if _, err := os.Stat(filepath.Join(w.up.Blobs, "blobs", "sha256", d.Digest.Hex())); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the archive is kept beside its files: %v", err)
	}
	if !w.up.Dir.HasTree(d.Digest) {
		t.Fatal("no tree")
	}
}

package update_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/filelock"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/verify"
	"github.com/plugstead/plugstead/version"
)

// flaky is a source whose n-th opening of bytes fails, and which counts requests.
type flaky struct {
	fetch.Source
	left   *atomic.Int32
	asked  *atomic.Int32
	broken error
}

func (f flaky) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	f.asked.Add(1)
	return f.Source.Plugin(ctx, id)
}

func (f flaky) Blobs(id manifest.ID) artifact.Blobs { return flakyBlobs{f.Source.Blobs(id), f} }

type flakyBlobs struct {
	artifact.Blobs
	f flaky
}

func (b flakyBlobs) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	b.f.asked.Add(1)
	if b.f.left.Add(-1) == 0 {
		return nil, b.f.broken
	}
	return b.Blobs.Open(ctx, d)
}

// TestLineBreaksAnywhere fails every download of a change in turn: what was installed
// stays, and the same change works as soon as the line is back.
func TestLineBreaksAnywhere(t *testing.T) {
	cut := errors.New("cable cut")
	for n := int32(1); ; n++ {
		w := newWorld(t)
		w.publish("acme/a", "1.0.0")
		w.publish("acme/b", "1.0.0", "requires: { acme/a: ^1 }")
		w.change(wish(t, "acme/a"))
		before := snapshot(t, filepath.Join(w.up.Dir.Path(), "generations"))
		f := flaky{w.up.Sources.Default, new(atomic.Int32), new(atomic.Int32), cut}
		f.left.Store(n)
		w.up.Sources.Default = f
		_, g, err := w.up.Change(t.Context(), wish(t, "acme/b"))
		if f.left.Load() > 0 {
			if err != nil {
				t.Error(err)
			}
			w.expect("acme/a 1.0.0, acme/b 1.0.0")
			if n < 4 {
				t.Errorf("only %d downloads", n)
			}
			return
		}
		if g != nil || !errors.Is(err, cut) || !strings.Contains(err.Error(), "acme/b 1.0.0") {
			t.Fatalf("download %d: %v, %v", n, g, err)
		}
		w.expect("acme/a 1.0.0")
		if after := snapshot(t, filepath.Join(w.up.Dir.Path(), "generations")); after != before {
			t.Errorf("download %d: generations changed:\n%s\n%s", n, before, after)
		}
		w.change(wish(t, "acme/b"))
		w.expect("acme/a 1.0.0, acme/b 1.0.0")
	}
}

// TestDamageBetweenSteps spoils what an interrupted change had fetched.
func TestDamageBetweenSteps(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	refuse := errors.New("compiler crashed")
	w.up.Prepare = func(context.Context, load.Image) error { return refuse }
	if _, _, err := w.up.Change(t.Context(), wish(t, "acme/a")); !errors.Is(err, refuse) {
		t.Fatal(err)
	}
	spoiled := 0
	err := filepath.WalkDir(w.up.Blobs, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(path, "sha256") {
			return err
		}
		spoiled++
		return os.WriteFile(path, []byte("spoiled"), 0o644)
	})
	// The trees were complete; somebody removes them too.
	if err = errors.Join(err, os.RemoveAll(filepath.Join(w.up.Dir.Path(), "trees"))); err != nil || spoiled == 0 {
		t.Fatal(spoiled, err)
	}
	w.up.Prepare = nil
	w.change(wish(t, "acme/a"))
	w.expect("acme/a 1.0.0")
}

// TestPrepareSeesNewPlugins only: what stays was prepared before, and compiling it
// again would make every small update slow.
func TestPrepareSeesNewPlugins(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0")
	var prepared []string
	w.up.Prepare = func(_ context.Context, im load.Image) error {
		if _, err := os.Stat(filepath.Join(im.Tree, "m.wasm")); err != nil || im.Cache == "" || im.Digest == "" || im.Runtime != "wasm" {
			t.Errorf("%+v, %v", im, err)
		}
		prepared = append(prepared, fmt.Sprintf("%s %s", im.Manifest.ID, im.Manifest.Version))
		return nil
	}
	w.change(wish(t, "acme/a"))
	w.change(wish(t, "acme/b"))
	w.publish("acme/a", "1.1.0")
	w.change(update.Change{UpdateAll: true})
	if got := strings.Join(prepared, ", "); got != "acme/a 1.0.0, acme/b 1.0.0, acme/a 1.1.0" {
		t.Errorf("prepared %s", got)
	}
}

// TestSteps are what a progress line shows, in this order; a plan only resolves.
func TestSteps(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	var steps []string
	w.up.Events.Step = func(s string) { steps = append(steps, s) }
	p, err := w.up.Plan(t.Context(), wish(t, "acme/a"))
	if err != nil || !slices.Equal(steps, []string{"resolve"}) {
		t.Fatalf("%v, %v", steps, err)
	}
	if _, err := w.up.Apply(t.Context(), p); err != nil || !slices.Equal(steps, []string{"resolve", "fetch", "install", "switch"}) {
		t.Errorf("%v, %v", steps, err)
	}
	steps = nil
	w.change(wish(t, "acme/a"))
	if !slices.Equal(steps, []string{"resolve"}) {
		t.Errorf("nothing to do: %v", steps)
	}
	steps = nil
	if _, err := w.up.Rollback(t.Context(), 1); err != nil || len(steps) != 0 {
		t.Errorf("rollback: %v, %v", steps, err)
	}
}

// TestRollbackNeedsNoSource: the registry is down, the disk of blobs is gone, and the
// old set comes back all the same.
func TestRollbackNeedsNoSource(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.change(wish(t, "acme/a@^1"))
	w.publish("acme/a", "1.1.0")
	w.change(update.Change{UpdateAll: true})
	w.up.Sources = fetch.Sources{}
	if err := os.RemoveAll(w.up.Blobs); err != nil {
		t.Fatal(err)
	}
	set := w.run(fakeDriver{})
	if err := set.Sync(t.Context(), w.images()); err != nil || names(set) != "acme/a 1.1.0" {
		t.Fatal(names(set), err)
	}
	if g, err := w.up.Rollback(t.Context(), 0); err != nil || g.From != 1 {
		t.Fatal(g, err)
	}
	w.expect("acme/a 1.0.0")
	if got := names(set); got != "acme/a 1.0.0" {
		t.Errorf("running %s", got)
	}
}

func (w *world) images() []load.Image {
	w.t.Helper()
	g, err := w.up.Dir.Active()
	if err != nil {
		w.t.Fatal(err)
	}
	return w.up.Images(g)
}

// TestRollbackThatDoesNotStart brings the present set back, installed and running.
func TestRollbackThatDoesNotStart(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.change(wish(t, "acme/a@^1"))
	w.publish("acme/a", "1.1.0")
	w.change(update.Change{UpdateAll: true})
	refuse := errors.New("needs an older kernel")
	set := w.run(fakeDriver{hook: func(im load.Image) error {
		if im.Manifest.Version.String() == "1.0.0" {
			return refuse
		}
		return nil
	}})
	if err := set.Sync(t.Context(), w.images()); err != nil {
		t.Fatal(err)
	}
	if g, err := w.up.Rollback(t.Context(), 1); g != nil || !errors.Is(err, refuse) {
		t.Errorf("%v, %v", g, err)
	}
	w.expect("acme/a 1.1.0")
	if got := names(set); got != "acme/a 1.1.0" {
		t.Errorf("running %s", got)
	}
	history, err := w.up.Dir.History()
	if err != nil || len(history) != 4 || !strings.HasPrefix(history[0].Why, "reverted to generation 2: ") || !strings.Contains(history[0].Why, "needs an older kernel") {
		t.Errorf("%+v, %v", history[0], err)
	}
	if _, err := w.up.Rollback(t.Context(), 99); !errors.Is(err, install.ErrNoGeneration) {
		t.Errorf("to a generation that is none: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.up.Rollback(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestEmptyPlanTakesNoLock: "nothing to do" must not wait for others or write.
func TestEmptyPlanTakesNoLock(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.change(wish(t, "acme/a"))
	lock, err := filelock.Exclusive(t.Context(), filepath.Join(w.up.Dir.Path(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	p, err := w.up.Plan(t.Context(), wish(t, "acme/a"))
	if err != nil || !p.Empty() {
		t.Fatalf("%+v, %v", p, err)
	}
	if g, err := w.up.Apply(t.Context(), p); err != nil || g.Number != 1 {
		t.Errorf("%+v, %v", g, err)
	}
	more, err := w.up.Plan(t.Context(), wish(t, "acme/a@1.0.0"))
	if err != nil || more.Empty() || len(more.Changes()) != 0 {
		t.Fatalf("another wish is a change: %+v, %v", more, err)
	}
	if _, err := w.up.ApplyWithin(t.Context(), more, 30*time.Millisecond); !errors.Is(err, install.ErrBusy) {
		t.Errorf("got %v", err)
	}
}

// TestOutdatedTells compares what is installed with an index that moved on.
func TestOutdatedTells(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"acme/fresh", "acme/held", "acme/host", "acme/yanked", "acme/gone"} {
		w.publish(id, "1.0.0")
	}
	w.change(wish(t, "acme/fresh@^1", "acme/held@=1.0.0", "acme/host", "acme/yanked", "acme/gone"))
	w.publish("acme/fresh", "1.1.0")
	w.publish("acme/fresh", "2.0.0-rc.1")
	w.publish("acme/held", "1.1.0")
	w.publish("acme/host", "2.0.0", "host: { acme: ^9 }")
	w.publish("acme/yanked", "0.9.0")
	yank := func(id manifest.ID, reason string) {
		if _, err := w.reg.Client().Yank(t.Context(), registry.Yank{ID: id, Version: version.MustParse("1.0.0"), Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	yank("acme/yanked", "eats files")
	yank("acme/gone", "")
	list, err := w.up.Outdated(t.Context(), update.Change{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[manifest.ID]update.Outdated{}
	for _, o := range list {
		got[o.ID] = o
	}
	for id, want := range map[manifest.ID]struct{ wanted, latest, yanked, why string }{
		"acme/fresh":  {"1.1.0", "1.1.0", "", ""},
		"acme/held":   {"1.0.0", "1.1.0", "", "1.0.0"},
		"acme/host":   {"1.0.0", "2.0.0", "", "^9"},
		"acme/yanked": {"1.0.0", "0.9.0", "eats files", ""},
		"acme/gone":   {"1.0.0", "0.0.0", "yanked", ""},
	} {
		o := got[id]
		if o.Installed.String() != "1.0.0" || o.Wanted.String() != want.wanted || o.Latest.String() != want.latest || o.Yanked != want.yanked {
			t.Errorf("%s: %+v, want %+v", id, o, want)
		}
		if !strings.Contains(o.WhyNot, want.why) || (want.why == "") != (o.WhyNot == "") {
			t.Errorf("%s: why not %q, want %q", id, o.WhyNot, want.why)
		}
	}
	b, err := json.Marshal(got["acme/gone"])
	if err != nil || strings.Contains(string(b), "latest") {
		t.Errorf("a latest version that is none: %s, %v", b, err)
	}
	w.expect("acme/fresh 1.0.0, acme/gone 1.0.0, acme/held 1.0.0, acme/host 1.0.0, acme/yanked 1.0.0")
}

// TestPolicyHoldsForUpdates: an update does not bring what an installation may not.
func TestPolicyHoldsForUpdates(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.up.Policy = verify.Policy{Forbidden: []manifest.Capability{"net:"}}
	w.change(wish(t, "acme/a"))
	w.publish("acme/a", "1.1.0", `capabilities: ["net:example.org:443"]`)
	w.change(update.Change{UpdateAll: true})
	w.expect("acme/a 1.0.0")
	if _, _, err := w.up.Change(t.Context(), wish(t, "acme/a@1.1.0")); err == nil || !strings.Contains(err.Error(), "net:example.org:443") {
		t.Errorf("got %v", err)
	}
	// What is installed already and became forbidden is said, not used in silence.
	w.up.Policy = verify.Policy{}
	allowed := wish(t, "acme/a@1.1.0")
	allowed.Allow = []update.Allow{{Capability: "net:example.org:443"}}
	w.change(allowed)
	p, err := w.up.Plan(t.Context(), wish(t, "acme/a@1.1.0"))
	if err != nil || !p.Empty() {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestQuotas: neither a payload that is too large to fetch nor one that unpacks to too
// much changes anything.
func TestQuotas(t *testing.T) {
	for name, c := range map[string]struct {
		policy verify.Policy
		want   error
	}{
		"bytes fetched":  {verify.Policy{Payload: 10}, verify.ErrPolicy},
		"bytes unpacked": {verify.Policy{Unpack: artifact.UnpackLimits{Bytes: 1}}, artifact.ErrUnsafe},
		"path":           {verify.Policy{Unpack: artifact.UnpackLimits{Path: 1}}, artifact.ErrUnsafe},
	} {
		w := newWorld(t)
		w.publish("acme/a", "1.0.0")
		w.up.Policy = c.policy
		if _, _, err := w.up.Change(t.Context(), wish(t, "acme/a")); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		w.expect("")
		w.up.Policy = verify.Policy{}
		w.change(wish(t, "acme/a"))
		w.expect("acme/a 1.0.0")
	}
}

// TestAskedForSaysWhatIsNew: only capabilities a plugin did not have before.
func TestAskedForSaysWhatIsNew(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0", `capabilities: ["env:HOME"]`)
	asks := func(c update.Change) []string {
		p, err := w.up.Plan(t.Context(), c)
		if err != nil || len(p.Lines) != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		asks := p.Lines[0].Asks
		p.Allow(update.AllowAll(p.Asks())...)
		if _, err := w.up.Apply(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		return asks
	}
	if got := asks(wish(t, "acme/a@^1")); !slices.Equal(got, []string{"env:HOME"}) {
		t.Errorf("the first time: %v", got)
	}
	w.publish("acme/a", "1.1.0", `capabilities: ["env:HOME", "env:PATH"]`)
	if got := asks(update.Change{UpdateAll: true}); !slices.Equal(got, []string{"env:PATH"}) {
		t.Errorf("one more: %v", got)
	}
	w.publish("acme/a", "1.2.0", `capabilities: ["env:PATH"]`)
	if got := asks(update.Change{UpdateAll: true}); len(got) != 0 {
		t.Errorf("one less: %v", got)
	}
}

// TestBadFolderOfBlobs fails before anything is downloaded.
func TestBadFolderOfBlobs(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	if err := os.MkdirAll(w.up.Blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.up.Blobs, "thesis.txt"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.up.Change(t.Context(), wish(t, "acme/a")); err == nil || !strings.Contains(err.Error(), "not an OCI image layout") {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(w.up.Blobs, "thesis.txt")); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	w.expect("")
}

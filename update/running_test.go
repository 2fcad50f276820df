package update_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/update"
)

// fakeDriver starts instances that do nothing. hook, if set, decides about a start.
type fakeDriver struct {
	hook   func(load.Image) error
	spec   func(load.Image, load.Spec)
	made   func(*fakeInstance)
	image  func(load.Image, *fakeInstance)
	health func(context.Context) error
}

func (fakeDriver) Runtime() string                           { return manifest.RuntimeWasm }
func (fakeDriver) Prepare(context.Context, load.Image) error { return nil }

func (d fakeDriver) Start(_ context.Context, im load.Image, s load.Spec) (load.Instance, error) {
	if d.spec != nil {
		d.spec(im, s)
	}
	if d.hook != nil {
		if err := d.hook(im); err != nil {
			return nil, err
		}
	}
	i := &fakeInstance{done: make(chan struct{}), health: d.health}
	if d.made != nil {
		d.made(i)
	}
	if d.image != nil {
		d.image(im, i)
	}
	return i, nil
}

type fakeInstance struct {
	once   sync.Once
	done   chan struct{}
	health func(context.Context) error

	quiesced, stopped func()
}

func (i *fakeInstance) Quiesce(context.Context) error {
	if i.quiesced != nil {
		i.quiesced()
	}
	return nil
}

func (i *fakeInstance) Stop(context.Context) error {
	if i.stopped != nil {
		i.stopped()
	}
	return nil
}

func (i *fakeInstance) Health(ctx context.Context) error {
	if i.health != nil {
		return i.health(ctx)
	}
	return nil
}

func (*fakeInstance) Invoke(context.Context, *contract.Method, any, any) error { return nil }
func (*fakeInstance) Offers(*contract.Method) bool                             { return true }
func (i *fakeInstance) Close() error                                           { i.once.Do(func() { close(i.done) }); return nil }
func (i *fakeInstance) Done() <-chan struct{}                                  { return i.done }
func (*fakeInstance) Err() error                                               { return nil }
func (*fakeInstance) Stream(context.Context, *contract.Method) (contract.Stream, error) {
	return nil, contract.Errorf(contract.Unimplemented, "no streams")
}

// run gives the updater of w a set of running plugins.
func (w *world) run(d fakeDriver) *supervise.Set {
	spec := func(load.Image) (load.Spec, error) { return load.Spec{}, nil }
	set := supervise.New([]load.Driver{d}, spec, supervise.Policy{}, supervise.Events{})
	w.t.Cleanup(func() { set.Close() })
	w.up.Running = func() *supervise.Set { return set }
	return set
}

func names(set *supervise.Set) string {
	var out []string
	for _, p := range set.Plugins() {
		out = append(out, fmt.Sprintf("%s %s", p.ID(), p.Manifest().Version))
	}
	return strings.Join(out, ", ")
}

// TestConcurrentChangesRun changes one host from many goroutines, of which every
// second is slow to swap: what runs in the end is what is installed.
func TestConcurrentChangesRun(t *testing.T) {
	const n = 6
	w := newWorld(t)
	var want []string
	for i := range n {
		w.publish(fmt.Sprintf("acme/p%d", i), "1.0.0")
		want = append(want, fmt.Sprintf("acme/p%d 1.0.0", i))
	}
	set := w.run(fakeDriver{})
	var swaps atomic.Int64
	w.up.Running = func() *supervise.Set {
		if swaps.Add(1)%2 == 1 {
			for range 30 { // time enough for the others
				if _, err := w.up.Outdated(t.Context(), update.Change{}); err != nil {
					t.Error(err)
				}
			}
		}
		return set
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, _, err := w.up.Change(t.Context(), wish(t, fmt.Sprintf("acme/p%d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.expect(strings.Join(want, ", "))
	if got := names(set); got != strings.Join(want, ", ") {
		t.Fatalf("running %s", got)
	}
}

// TestWaitEndsInsideProcess makes a change wait for one of the same process.
func TestWaitEndsInsideProcess(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0")
	p, err := w.up.Plan(t.Context(), wish(t, "acme/b"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.run(fakeDriver{hook: func(load.Image) error {
		_, err := w.up.Apply(ctx, p)
		if !errors.Is(err, install.ErrBusy) {
			t.Errorf("got %v", err)
		}
		return nil
	}})
	w.change(wish(t, "acme/a"))
	w.expect("acme/a 1.0.0")
}

// TestRevertKeepsOthersChange lets another process change the set between the
// switch and a start that fails.
func TestRevertKeepsOthersChange(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	w.publish("acme/b", "1.0.0")
	no := errors.New("does not start")
	w.up.Probe = -1
	set := w.run(fakeDriver{hook: func(im load.Image) error {
		if im.Manifest.ID != "acme/a" {
			return nil
		}
		if _, _, err := w.updater(w.up.Dir.Path()).Change(t.Context(), wish(t, "acme/b")); err != nil {
			t.Error(err)
		}
		return no
	}})
	_, _, err := w.up.Change(t.Context(), wish(t, "acme/a"))
	if !errors.Is(err, no) || errors.Is(err, update.ErrStale) || !strings.Contains(err.Error(), "generation 2") {
		t.Fatal(err)
	}
	w.expect("acme/a 1.0.0, acme/b 1.0.0")
	if got := names(set); got != "" {
		t.Fatalf("running %s", got)
	}
}

// TestLostFilesAreRepaired removes the files of a plugin: installing it again, or an
// update, brings them back.
func TestLostFilesAreRepaired(t *testing.T) {
	w := newWorld(t)
	w.publish("acme/a", "1.0.0")
	for _, c := range []update.Change{wish(t, "acme/a"), {UpdateAll: true}} {
		w.change(wish(t, "acme/a"))
		g, err := w.up.Dir.Active()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(g.Records[0].Tree); err != nil {
			t.Fatal(err)
		}
		p, _, err := w.up.Change(t.Context(), c)
		if err != nil || len(p.Changes()) != 1 || p.Changes()[0].Do != update.Replace {
			t.Fatalf("%+v, %v", p, err)
		}
		w.expect("acme/a 1.0.0")
	}
}

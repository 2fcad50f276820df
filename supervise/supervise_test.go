package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/version"
)

var (
	point = contract.Define("acme.dev/echo", 1, 0)
	echo  = contract.Unary[string, string](point, "Echo")
)

// fake is a driver whose instances are values in this process, with a journal of
// what happened to them.
type fake struct {
	mu      sync.Mutex
	journal []string
	fail    map[string]error // by "id version"
	sick    map[string]error
	last    map[string]*instance
}

func (f *fake) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.journal = append(f.journal, fmt.Sprintf(format, args...))
}

func (f *fake) read() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.journal, ", ")
	f.journal = nil
	return s
}

func (f *fake) Runtime() string                           { return "process" }
func (f *fake) Prepare(context.Context, load.Image) error { return nil }

func name(im load.Image) string { return fmt.Sprintf("%s %s", im.Manifest.ID, im.Manifest.Version) }

func (f *fake) Start(_ context.Context, im load.Image, _ load.Spec) (load.Instance, error) {
	f.mu.Lock()
	err := f.fail[name(im)]
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	f.note("start %s", name(im))
	in := &instance{f: f, im: im, done: make(chan struct{})}
	f.mu.Lock()
	f.last[name(im)] = in
	f.mu.Unlock()
	return in, nil
}

type instance struct {
	f     *fake
	im    load.Image
	calls atomic.Int64
	once  sync.Once
	done  chan struct{}
	err   error
}

func (i *instance) Invoke(ctx context.Context, _ *contract.Method, req, resp any) error {
	i.calls.Add(1)
	defer i.calls.Add(-1)
	if *req.(*string) == "slow" {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-i.done:
		return contract.Errorf(contract.Unavailable, "gone")
	default:
	}
	*resp.(*string) = i.im.Manifest.Version.String()
	return nil
}

func (i *instance) Stream(context.Context, *contract.Method) (contract.Stream, error) {
	return nil, contract.Errorf(contract.Unimplemented, "no streams")
}
func (i *instance) Offers(m *contract.Method) bool { return m.Point() == point }
func (i *instance) Health(context.Context) error   { return i.f.sick[name(i.im)] }
func (i *instance) Quiesce(context.Context) error  { return nil }
func (i *instance) Stop(context.Context) error {
	i.f.note("stop %s", name(i.im))
	if n := i.calls.Load(); n > 0 {
		i.f.note("%d calls lost", n)
	}
	return nil
}
func (i *instance) Close() error          { i.once.Do(func() { close(i.done) }); return nil }
func (i *instance) Done() <-chan struct{} { return i.done }
func (i *instance) Err() error            { return i.err }

func (i *instance) crash() {
	i.err = errors.New("crashed")
	i.Close()
}

func image(id, v string) load.Image {
	return load.Image{Runtime: "process", Digest: id + v, Manifest: &manifest.Manifest{
		ID: manifest.ID(id), Version: version.MustParse(v), Provides: []manifest.PointRef{{ID: point.ID(), Major: 1}},
	}}
}

// needing returns im, which requires others.
func needing(im load.Image, ids ...manifest.ID) load.Image {
	m := *im.Manifest
	for _, id := range ids {
		m.Requires = append(m.Requires, manifest.Need{ID: id})
	}
	im.Manifest = &m
	return im
}

func newSet(t *testing.T, p supervise.Policy) (*supervise.Set, *fake, func() string) {
	t.Helper()
	f := &fake{fail: map[string]error{}, sick: map[string]error{}, last: map[string]*instance{}}
	var mu sync.Mutex
	var states []string
	s := supervise.New([]load.Driver{f}, func(load.Image) (load.Spec, error) { return load.Spec{}, nil }, p, supervise.Events{
		Changed: func(c supervise.Change) {
			mu.Lock()
			defer mu.Unlock()
			states = append(states, fmt.Sprintf("%s %s", c.ID, c.State))
		},
	})
	return s, f, func() string {
		mu.Lock()
		defer mu.Unlock()
		out := strings.Join(states, ", ")
		states = nil
		return out
	}
}

func running(s *supervise.Set) string {
	var out []string
	for p := range s.Implementing(point) {
		out = append(out, fmt.Sprintf("%s %s", p.ID(), p.Manifest().Version))
	}
	return strings.Join(out, ", ")
}

func TestSync(t *testing.T) {
	s, f, _ := newSet(t, supervise.Policy{})
	sync := func(images ...load.Image) error { return s.Sync(t.Context(), images) }
	if err := sync(image("b/b", "1.0.0"), needing(image("a/a", "1.0.0"), "b/b")); err != nil {
		t.Fatal(err)
	}
	if got := f.read(); got != "start b/b 1.0.0, start a/a 1.0.0" {
		t.Fatal(got)
	}
	if err := sync(image("b/b", "1.0.0"), image("a/a", "1.1.0")); err != nil {
		t.Fatal(err)
	}
	if got := f.read(); got != "start a/a 1.1.0, stop a/a 1.0.0" {
		t.Fatal(got)
	}
	if got := running(s); got != "a/a 1.1.0, b/b 1.0.0" {
		t.Fatal(got)
	}
	if err := sync(image("b/b", "1.0.0")); err != nil {
		t.Fatal(err)
	}
	if got := f.read(); got != "stop a/a 1.1.0" {
		t.Fatal(got)
	}
	if err := sync(image("b/b", "1.0.0"), needing(image("c/c", "1.0.0"), "b/b")); err != nil {
		t.Fatal(err)
	}
	f.read()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := f.read(); got != "stop c/c 1.0.0, stop b/b 1.0.0" {
		t.Fatal(got)
	}
	if err := sync(); !errors.Is(err, supervise.ErrClosed) {
		t.Fatal(err)
	}
}

func TestSyncFailureChangesNothing(t *testing.T) {
	for name, spoil := range map[string]func(*fake){
		"does not start": func(f *fake) { f.fail["c/c 1.0.0"] = errors.New("no") },
		"is not healthy": func(f *fake) { f.sick["c/c 1.0.0"] = errors.New("no") },
	} {
		s, f, _ := newSet(t, supervise.Policy{})
		if err := s.Sync(t.Context(), []load.Image{image("a/a", "1.0.0")}); err != nil {
			t.Fatal(err)
		}
		spoil(f)
		err := s.Sync(t.Context(), []load.Image{image("n/n", "1.0.0"), image("a/a", "2.0.0"), image("c/c", "1.0.0")})
		if err == nil || !strings.Contains(err.Error(), "c/c 1.0.0") {
			t.Fatalf("%s: %v", name, err)
		}
		if got := running(s); got != "a/a 1.0.0" {
			t.Fatalf("%s: %s", name, got)
		}
		s.Close()
		if journal := f.read(); strings.Count(journal, "start") != strings.Count(journal, "stop") {
			t.Fatalf("%s: %s", name, journal)
		}
	}
}

func TestNoDriver(t *testing.T) {
	s, _, _ := newSet(t, supervise.Policy{})
	defer s.Close()
	im := image("a/a", "1.0.0")
	im.Runtime = "wasm"
	if _, err := s.Put(t.Context(), im); !errors.Is(err, supervise.ErrNoDriver) {
		t.Fatal(err)
	}
	if err := s.Prepare(t.Context(), im); !errors.Is(err, supervise.ErrNoDriver) {
		t.Fatal(err)
	}
}

// TestSwapLosesNoCall swaps while slow and fast calls are under way.
func TestSwapLosesNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, _ := newSet(t, supervise.Policy{})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		var answers [8]string
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				out, err := echo.Call(t.Context(), p, "slow")
				if err != nil {
					t.Error(err)
				}
				answers[i] = out
			})
		}
		synctest.Wait() // all are under way
		if _, err := s.Put(t.Context(), image("a/a", "2.0.0")); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if slices.ContainsFunc(answers[:], func(s string) bool { return s != "1.0.0" }) {
			t.Fatalf("answers %v", answers)
		}
		if out, err := echo.Call(t.Context(), p, ""); err != nil || out != "2.0.0" {
			t.Fatal(out, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if journal := f.read(); strings.Contains(journal, "lost") {
			t.Fatal(journal)
		}
	})
}

// TestSwapUnderLoad swaps 50 times below eight callers.
func TestSwapUnderLoad(t *testing.T) {
	s, f, _ := newSet(t, supervise.Policy{})
	p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for !stop.Load() {
				if _, err := echo.Call(t.Context(), p, ""); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 50 {
		if _, err := s.Put(t.Context(), image("a/a", fmt.Sprintf("1.0.%d", i+1))); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	wg.Wait()
	s.Close()
	if journal := f.read(); strings.Contains(journal, "lost") {
		t.Fatal(journal)
	}
}

func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, _ := newSet(t, supervise.Policy{Drain: 100 * time.Millisecond})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() { echo.Call(t.Context(), p, "slow") })
		synctest.Wait()
		begin := time.Now()
		if err := s.Close(); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if d := time.Since(begin); d != 100*time.Millisecond {
			t.Errorf("closing took %v", d)
		}
		wg.Wait()
		if journal := f.read(); !strings.Contains(journal, "1 calls lost") {
			t.Error(journal)
		}
	})
}

func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, states := newSet(t, supervise.Policy{Restarts: 2, Backoff: time.Second})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		for try := range 2 {
			f.last["a/a 1.0.0"].crash()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second<<try/4)
			if _, err := echo.Call(ctx, p, ""); !errors.Is(err, contract.DeadlineExceeded) || contract.AsError(err).Delivered() {
				t.Fatalf("call while down: %v", err)
			}
			cancel()
			if out, err := echo.Call(t.Context(), p, ""); err != nil || out != "1.0.0" { // waits for the restart
				t.Fatal(out, err)
			}
		}
		f.last["a/a 1.0.0"].crash()
		synctest.Wait()
		if state, err := p.State(); state != supervise.Failed || err == nil {
			t.Fatal(state, err)
		}
		want := "a/a running, a/a restarting, a/a running, a/a restarting, a/a running, a/a failed"
		if got := states(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if _, err := s.Put(t.Context(), image("a/a", "1.0.1")); err != nil { // a new version is a new chance
			t.Fatal(err)
		}
		if out, err := echo.Call(t.Context(), p, ""); err != nil || out != "1.0.1" {
			t.Fatal(out, err)
		}
		s.Close()
	})
}

func TestDecisionVoidsRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, _ := newSet(t, supervise.Policy{Backoff: time.Hour})
		if err := s.Sync(t.Context(), []load.Image{image("a/a", "1.0.0"), image("b/b", "1.0.0")}); err != nil {
			t.Fatal(err)
		}
		f.last["a/a 1.0.0"].crash()
		f.last["b/b 1.0.0"].crash()
		synctest.Wait()
		// While both wait for their restart, one is replaced and one removed.
		if err := s.Sync(t.Context(), []load.Image{image("a/a", "2.0.0")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got := running(s); got != "a/a 2.0.0" {
			t.Errorf("running: %s", got)
		}
		s.Close()
		if j := f.read(); strings.Count(j, "start") != strings.Count(j, "stop")+2 { // two crashed
			t.Error(j)
		}
	})
}

func TestCallersOfNothing(t *testing.T) {
	s, _, _ := newSet(t, supervise.Policy{})
	defer s.Close()
	peer := s.Peer("x/x")
	if _, err := echo.Call(t.Context(), peer, ""); !errors.Is(err, contract.Unavailable) {
		t.Fatal(err)
	}
	if peer.Offers(echo.Method) {
		t.Fatal("offers a method while not running")
	}
	if _, err := peer.Stream(t.Context(), echo.Method); !errors.Is(err, contract.Unavailable) {
		t.Fatal(err)
	}
	if s.Plugin("y/y") != nil || running(s) != "" {
		t.Fatal("unexpected plugins")
	}
}

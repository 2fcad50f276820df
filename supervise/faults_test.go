package supervise_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
)

// scripted is a driver whose instances do what a test says.
type scripted struct {
	mu      sync.Mutex
	make    func(im load.Image) (*actor, error)
	started []string
}

func (*scripted) Runtime() string                           { return "process" }
func (*scripted) Prepare(context.Context, load.Image) error { return errors.New("no room") }

func (d *scripted) Start(_ context.Context, im load.Image, _ load.Spec) (load.Instance, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, err := d.make(im)
	if err != nil {
		return nil, err
	}
	a.version, a.done = im.Manifest.Version.String(), make(chan struct{})
	d.started = append(d.started, name(im))
	if a.take != nil {
		return configurable{a}, nil
	}
	return a, nil
}

// configurable is an actor that takes a configuration while it runs.
type configurable struct{ *actor }

func (c configurable) Reconfigure(_ context.Context, config json.RawMessage) error {
	return c.take(config)
}

// actor is an instance. Its functions may be nil.
type actor struct {
	version             string
	health, stop, close func() error
	quiesce             func() error
	slowHealth          func(context.Context) error
	invoke              func(context.Context) error        // before the answer
	take                func(config json.RawMessage) error // a configuration while running; nil: it cannot
	stream              func() (contract.Stream, error)
	once                sync.Once
	done                chan struct{}
}

func (a *actor) Invoke(ctx context.Context, _ *contract.Method, _, resp any) error {
	if a.invoke != nil {
		if err := a.invoke(ctx); err != nil {
			return err
		}
	}
	*resp.(*string) = a.version
	return nil
}

func (a *actor) Stream(context.Context, *contract.Method) (contract.Stream, error) {
	return a.stream()
}
func (a *actor) Offers(*contract.Method) bool  { return true }
func (a *actor) Quiesce(context.Context) error { return call(a.quiesce) }
func (a *actor) Health(ctx context.Context) error {
	if a.slowHealth != nil {
		return a.slowHealth(ctx)
	}
	return call(a.health)
}
func (a *actor) Stop(context.Context) error { return call(a.stop) }
func (a *actor) Close() error               { a.end(); return call(a.close) }
func (a *actor) Done() <-chan struct{}      { return a.done }
func (a *actor) Err() error                 { return nil }
func (a *actor) end()                       { a.once.Do(func() { close(a.done) }) }

func call(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func scriptedSet(d *scripted, p supervise.Policy) *supervise.Set {
	return supervise.New([]load.Driver{d}, func(load.Image) (load.Spec, error) { return load.Spec{}, nil }, p, supervise.Events{})
}

// TestUpdateDuringACrash swaps a new version in while the old one is being cleaned up.
// The plugin runs, and must say so: an application may refuse to use one that is
// "restarting" for ever.
func TestUpdateDuringACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closing, proceed := make(chan struct{}), make(chan struct{})
		old := &actor{close: func() error { close(closing); <-proceed; return nil }}
		d := &scripted{make: func(im load.Image) (*actor, error) {
			if im.Manifest.Version.String() == "1.0.0" {
				return old, nil
			}
			return new(actor), nil
		}}
		s := scriptedSet(d, supervise.Policy{})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		old.end()
		<-closing
		if _, err := s.Put(t.Context(), image("a/a", "2.0.0")); err != nil {
			t.Fatal(err)
		}
		close(proceed)
		time.Sleep(time.Hour)
		synctest.Wait()
		if state, err := p.State(); state != supervise.Running || err != nil {
			t.Errorf("state %s, %v", state, err)
		}
		if out, err := echo.Call(t.Context(), p, ""); err != nil || out != "2.0.0" {
			t.Error(out, err)
		}
		if got := strings.Join(d.started, ", "); got != "a/a 1.0.0, a/a 2.0.0" {
			t.Errorf("started %s", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestUpdateSlowerThanARestart: the restart is done before the new version is well. Only
// that one runs then, and nothing is left of the other.
func TestUpdateSlowerThanARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []*actor
		d := &scripted{make: func(im load.Image) (*actor, error) {
			a := new(actor)
			if im.Manifest.Version.String() == "2.0.0" {
				a.slowHealth = func(context.Context) error { time.Sleep(time.Minute); return nil }
			}
			all = append(all, a)
			return a, nil
		}}
		s := scriptedSet(d, supervise.Policy{Heartbeat: -1})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		all[0].end()
		synctest.Wait()
		if _, err := s.Put(t.Context(), image("a/a", "2.0.0")); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(d.started, ", "); got != "a/a 1.0.0, a/a 2.0.0, a/a 1.0.0" {
			t.Errorf("started %s", got)
		}
		if out := ask(t, p); out != "2.0.0" {
			t.Errorf("%s answers", out)
		}
		for i, want := range []bool{true, false, true} {
			select {
			case <-all[i].done:
				if !want {
					t.Errorf("instance %d has ended", i)
				}
			default:
				if want {
					t.Errorf("instance %d is left", i)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestFirstErrorCounts: what is called off because something else failed is not the reason.
func TestFirstErrorCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		d := &scripted{make: func(im load.Image) (*actor, error) {
			if im.Manifest.ID == "b/b" {
				return &actor{slowHealth: func(context.Context) error { time.Sleep(time.Second); return broken }}, nil
			}
			return &actor{slowHealth: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}, nil
		}}
		s := scriptedSet(d, supervise.Policy{})
		err := s.Sync(t.Context(), []load.Image{image("a/a", "1.0.0"), image("b/b", "1.0.0"), image("c/c", "1.0.0")})
		if !errors.Is(err, broken) || errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestFailedUpdateDuringARestart: the old plugin comes back, although the change began
// to start it and then failed because of another one.
func TestFailedUpdateDuringARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, _ := newSet(t, supervise.Policy{Backoff: time.Minute})
		if err := s.Sync(t.Context(), []load.Image{image("a/a", "1.0.0")}); err != nil {
			t.Fatal(err)
		}
		p := s.Plugin("a/a")
		f.last["a/a 1.0.0"].crash()
		synctest.Wait()
		f.fail["b/b 1.0.0"] = errors.New("no")
		for _, v := range []string{"1.0.0", "2.0.0"} {
			if err := s.Sync(t.Context(), []load.Image{image("a/a", v), image("b/b", "1.0.0")}); err == nil || !strings.Contains(err.Error(), "b/b") {
				t.Fatal(err)
			}
			synctest.Wait()
			if state, err := p.State(); state != supervise.Restarting || err == nil {
				t.Errorf("after a failed update to %s: %s, %v", v, state, err)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if out, err := echo.Call(t.Context(), p, ""); err != nil || out != "1.0.0" {
			t.Errorf("%s, %v", out, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if running(s) != "" {
			t.Error("still running")
		}
	})
}

// TestCloseDuringARestart ends the wait at once and starts nothing any more.
func TestCloseDuringARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, states := newSet(t, supervise.Policy{Backoff: time.Hour})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		f.last["a/a 1.0.0"].crash()
		synctest.Wait()
		begin := time.Now()
		if err := s.Close(); err != nil || time.Since(begin) != 0 {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if state, _ := p.State(); state != supervise.Stopped {
			t.Errorf("state %s", state)
		}
		if got := states(); got != "a/a running, a/a restarting, a/a stopped" {
			t.Error(got)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
		if _, err := s.Put(t.Context(), image("a/a", "1.0.0")); !errors.Is(err, supervise.ErrClosed) {
			t.Errorf("put after close: %v", err)
		}
	})
}

// TestBudgetRecovers: a plugin that crashes now and then is not given up, one that
// crashes all the time is.
func TestBudgetRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, _ := newSet(t, supervise.Policy{Restarts: 2, Window: time.Hour, Backoff: time.Second})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			f.last["a/a 1.0.0"].crash()
			time.Sleep(40 * time.Minute) // at most two within an hour
			synctest.Wait()
			if state, err := p.State(); state != supervise.Running {
				t.Fatalf("crash %d: %s, %v", i, state, err)
			}
		}
		f.last["a/a 1.0.0"].crash()
		time.Sleep(time.Minute)
		synctest.Wait()
		f.last["a/a 1.0.0"].crash()
		time.Sleep(time.Hour)
		synctest.Wait()
		if state, err := p.State(); state != supervise.Failed || err == nil || err.Error() != "crashed" {
			t.Errorf("%s, %v", state, err)
		}
		if _, err := echo.Call(t.Context(), p, ""); !errors.Is(err, contract.Unavailable) || !strings.Contains(err.Error(), "crashed") {
			t.Errorf("call: %v", err)
		}
		s.Close()
	})
}

// TestNeverRestart has a policy of an operator who wants to look first.
func TestNeverRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scripted{make: func(load.Image) (*actor, error) { return new(actor), nil }}
		var last *actor
		d.make = func(load.Image) (*actor, error) { last = new(actor); return last, nil }
		s := scriptedSet(d, supervise.Policy{Restarts: -1})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		last.end() // it gives no reason
		synctest.Wait()
		if state, err := p.State(); state != supervise.Failed || !errors.Is(err, supervise.ErrEnded) {
			t.Errorf("%s, %v", state, err)
		}
		if m, rt := p.Manifest(), p.Runtime(); m != nil || rt != "" {
			t.Errorf("a plugin that is down shows %v, %q", m, rt)
		}
		if len(d.started) != 1 || len(s.Plugins()) != 0 {
			t.Errorf("started %v", d.started)
		}
		s.Close()
	})
}

// TestRestartThatFails tries again with longer pauses until the budget is spent, and
// keeps the last reason.
func TestRestartThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first *actor
		var tries []time.Duration
		var begin time.Time
		d := &scripted{make: func(load.Image) (*actor, error) {
			if first == nil {
				first = new(actor)
				return first, nil
			}
			tries = append(tries, time.Since(begin))
			return nil, fmt.Errorf("try %d: port in use", len(tries))
		}}
		s := scriptedSet(d, supervise.Policy{Restarts: 4, Backoff: time.Second})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		begin = time.Now()
		first.end()
		time.Sleep(time.Hour)
		synctest.Wait()
		pause, last := time.Second, time.Duration(0)
		for i, at := range tries { // each twice as long, of which a half is at random
			if d := at - last; d < pause/2 || d > pause {
				t.Errorf("pause %d took %v, want %v to %v", i, d, pause/2, pause)
			}
			pause, last = 2*pause, at
		}
		if len(tries) != 4 {
			t.Errorf("%d tries", len(tries))
		}
		if state, err := p.State(); state != supervise.Failed || err == nil || !strings.Contains(err.Error(), "start a/a 1.0.0: try 4: port in use") {
			t.Errorf("%s, %v", state, err)
		}
		s.Close()
	})
}

// TestStopErrors: an old instance that does not stop in good order is no error of the
// update, which is done; at the end of the program it is told.
func TestStopErrors(t *testing.T) {
	stuck := errors.New("stuck")
	var told []string
	d := &scripted{make: func(load.Image) (*actor, error) { return &actor{stop: func() error { return stuck }}, nil }}
	s := supervise.New([]load.Driver{d}, func(load.Image) (load.Spec, error) { return load.Spec{}, nil }, supervise.Policy{}, supervise.Events{
		Changed: func(c supervise.Change) { told = append(told, fmt.Sprintf("%s %s %v", c.ID, c.State, c.Err)) },
	})
	for _, v := range []string{"1.0.0", "2.0.0"} {
		if err := s.Sync(t.Context(), []load.Image{image("a/a", v)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(told, ", "); got != "a/a running <nil>, a/a running <nil>,  stopped stuck" {
		t.Errorf("told %s", got)
	}
	if err := s.Close(); !errors.Is(err, stuck) || !strings.Contains(err.Error(), "stop a/a") {
		t.Errorf("close: %v", err)
	}
}

// TestSickInstanceIsStopped: what is started and not healthy is not left behind.
func TestSickInstanceIsStopped(t *testing.T) {
	sick, stopped, closed := errors.New("no database"), 0, 0
	d := &scripted{make: func(load.Image) (*actor, error) {
		return &actor{health: func() error { return sick }, stop: func() error { stopped++; return nil }, close: func() error { closed++; return nil }}, nil
	}}
	s := scriptedSet(d, supervise.Policy{})
	defer s.Close()
	for range 2 {
		if p, err := s.Put(t.Context(), image("a/a", "1.0.0")); p != nil || !errors.Is(err, sick) || !strings.Contains(err.Error(), "start a/a 1.0.0") {
			t.Errorf("%v, %v", p, err)
		}
	}
	if stopped != 2 || closed != 2 {
		t.Errorf("stopped %d, closed %d of 2", stopped, closed)
	}
	if err := s.Prepare(t.Context(), image("a/a", "1.0.0")); err == nil || err.Error() != "prepare a/a 1.0.0: no room" {
		t.Errorf("prepare: %v", err)
	}
}

// TestSpecErrors stop a start before any instance is made.
func TestSpecErrors(t *testing.T) {
	bad := errors.New("bad configuration")
	d := &scripted{make: func(load.Image) (*actor, error) { return new(actor), nil }}
	s := supervise.New([]load.Driver{d}, func(im load.Image) (load.Spec, error) {
		if im.Manifest.ID == "b/b" {
			return load.Spec{}, bad
		}
		return load.Spec{}, nil
	}, supervise.Policy{}, supervise.Events{})
	defer s.Close()
	if err := s.Sync(t.Context(), []load.Image{image("a/a", "1.0.0"), needing(image("b/b", "1.0.0"), "a/a")}); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(d.started, ", "); got != "a/a 1.0.0" || running(s) != "" {
		t.Errorf("started %s, running %s", got, running(s))
	}
}

// TestSameImageStays is about images without a digest too, which are never the same.
func TestSameImageStays(t *testing.T) {
	d := &scripted{make: func(load.Image) (*actor, error) { return new(actor), nil }}
	s := scriptedSet(d, supervise.Policy{})
	defer s.Close()
	same := image("a/a", "1.0.0")
	otherRuntime := same
	otherBytes, noDigest := image("a/a", "1.0.0"), image("a/a", "1.0.0")
	otherBytes.Digest, noDigest.Digest = "x", ""
	for i, c := range []struct {
		im     load.Image
		starts int
	}{{same, 1}, {same, 1}, {otherRuntime, 1}, {otherBytes, 2}, {otherBytes, 2}, {noDigest, 3}, {noDigest, 4}, {same, 5}} {
		if err := s.Sync(t.Context(), []load.Image{c.im}); err != nil || len(d.started) != c.starts {
			t.Errorf("%d: %d starts, want %d, %v", i, len(d.started), c.starts, err)
		}
	}
}

// TestLinkedPluginsStay when the installed ones change.
func TestLinkedPluginsStay(t *testing.T) {
	s, f, _ := newSet(t, supervise.Policy{})
	linked := &linkedDriver{f}
	s2 := supervise.New([]load.Driver{f, linked}, func(load.Image) (load.Spec, error) { return load.Spec{}, nil }, supervise.Policy{}, supervise.Events{})
	s.Close()
	im := image("l/l", "1.0.0")
	im.Runtime = manifest.RuntimeInproc
	if _, err := s2.Put(t.Context(), im); err != nil {
		t.Fatal(err)
	}
	for _, images := range [][]load.Image{{image("a/a", "1.0.0")}, {}, {needing(image("b/b", "1.0.0"), "l/l")}} {
		if err := s2.Sync(t.Context(), images); err != nil {
			t.Fatal(err)
		}
		if got := running(s2); !strings.Contains(got, "l/l 1.0.0") || len(s2.Plugins()) != len(images)+1 {
			t.Errorf("running %s", got)
		}
	}
	f.read()
	if err := s2.Close(); err != nil {
		t.Fatal(err)
	}
	if got := f.read(); got != "stop b/b 1.0.0, stop l/l 1.0.0" {
		t.Errorf("order %s", got)
	}
}

type linkedDriver struct{ *fake }

func (linkedDriver) Runtime() string { return manifest.RuntimeInproc }

// pipe is a stream that ends when it is told.
type pipe struct {
	contract.Stream
	closed int
	recv   error
}

func (p *pipe) Recv(any) error { return p.recv }
func (p *pipe) Close() error   { p.closed++; return nil }

// TestStreamsHoldTheirInstance: a swap waits for open streams as for calls, and a
// stream that is over does not count twice.
func TestStreamsHoldTheirInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := new(pipe)
		refused := errors.New("no more streams")
		d := &scripted{make: func(load.Image) (*actor, error) {
			return &actor{stream: func() (contract.Stream, error) {
				if st == nil {
					return nil, refused
				}
				return st, nil
			}}, nil
		}}
		s := scriptedSet(d, supervise.Policy{Drain: time.Hour})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		for name, end := range map[string]func(contract.Stream){
			"close":        func(x contract.Stream) { x.Close(); x.Close() },
			"end":          func(x contract.Stream) { st.recv = io.EOF; x.Recv(nil); x.Recv(nil); x.Close() },
			"close, later": func(x contract.Stream) { time.Sleep(time.Minute); x.Close() },
		} {
			st = new(pipe)
			x, err := p.Stream(t.Context(), echo.Method)
			if err != nil {
				t.Fatal(err)
			}
			swapped := make(chan time.Duration)
			begin := time.Now()
			go func() {
				if _, err := s.Put(t.Context(), image("a/a", "1.0.1")); err != nil {
					t.Error(err)
				}
				swapped <- time.Since(begin)
			}()
			synctest.Wait()
			if err := x.Recv(nil); name != "end" && err != nil {
				t.Errorf("%s: the stream was cut off: %v", name, err)
			}
			end(x)
			if took := <-swapped; took > time.Minute || name == "close, later" && took != time.Minute {
				t.Errorf("%s: the swap took %v", name, took)
			}
		}
		st = nil
		if _, err := p.Stream(t.Context(), echo.Method); !errors.Is(err, refused) {
			t.Errorf("got %v", err)
		}
		begin := time.Now()
		if err := s.Close(); err != nil || time.Since(begin) != 0 {
			t.Errorf("a refused stream counts as open: %v, %v", time.Since(begin), err)
		}
	})
}

// TestCrashDuringADrain: nobody waits for calls on an instance that is gone.
func TestCrashDuringADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first *actor
		d := &scripted{make: func(load.Image) (*actor, error) {
			a := &actor{stream: func() (contract.Stream, error) { return new(pipe), nil }}
			if first == nil {
				first = a
			}
			return a, nil
		}}
		s := scriptedSet(d, supervise.Policy{Drain: time.Hour})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Stream(t.Context(), echo.Method); err != nil { // never closed
			t.Fatal(err)
		}
		go func() { time.Sleep(time.Second); first.end() }()
		begin := time.Now()
		if _, err := s.Put(t.Context(), image("a/a", "2.0.0")); err != nil || time.Since(begin) != time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		if out, err := echo.Call(t.Context(), p, ""); err != nil || out != "2.0.0" {
			t.Error(out, err)
		}
		s.Close()
	})
}

// TestOddPauses: no policy makes a restart fail, however long or short its pauses are.
func TestOddPauses(t *testing.T) {
	for _, p := range []supervise.Policy{
		{Backoff: -time.Second},
		{Backoff: time.Second, MaxBackoff: -1},
		{Backoff: 1 << 50, MaxBackoff: time.Hour},
		{Backoff: 1, MaxBackoff: 1 << 62},
	} {
		synctest.Test(t, func(t *testing.T) {
			p.Restarts, p.Window = 70, 1<<62
			var last *actor
			d := &scripted{make: func(load.Image) (*actor, error) { last = new(actor); return last, nil }}
			s := scriptedSet(d, p)
			a, err := s.Put(t.Context(), image("a/a", "1.0.0"))
			if err != nil {
				t.Fatal(err)
			}
			for range 30 {
				last.end()
				time.Sleep(2 * time.Hour)
				synctest.Wait()
			}
			if n := a.Stats().Restarts; n != 30 {
				t.Errorf("%+v: %d restarts", p, n)
			}
			s.Close()
		})
	}
}

// TestVoidRestart: an instance that waited to be started again when somebody decided otherwise
// is not started beside the one that runs.
func TestVoidRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last *actor
		d := &scripted{make: func(load.Image) (*actor, error) { last = new(actor); return last, nil }}
		s := scriptedSet(d, supervise.Policy{Backoff: time.Minute})
		if _, err := s.Put(t.Context(), image("a/a", "1.0.0")); err != nil {
			t.Fatal(err)
		}
		last.end()
		synctest.Wait()
		if _, err := s.Put(t.Context(), image("a/a", "2.0.0")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := strings.Join(d.started, ", "); got != "a/a 1.0.0, a/a 2.0.0" {
			t.Errorf("started %s", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

package supervise_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/supervise"
)

// ask calls the plugin and returns the version that answered.
func ask(t *testing.T, c contract.Caller) string {
	t.Helper()
	v, err := echo.Call(t.Context(), c, "x")
	if err != nil {
		t.Error(err)
	}
	return v
}

// TestHeartbeat: an instance that says nothing, or that it is not well, for too long is
// ended and started again; one that recovers in time is left alone.
func TestHeartbeat(t *testing.T) {
	for name, unwell := range map[string]func(context.Context) error{
		"silent": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"sick":   func(context.Context) error { return errors.New("sick") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now *actor
				var mu sync.Mutex
				beats, bad := 0, func(int) bool { return false }
				d := &scripted{make: func(load.Image) (*actor, error) {
					now = &actor{slowHealth: func(ctx context.Context) error {
						mu.Lock()
						beats++
						n, bad := beats, bad
						mu.Unlock()
						if bad(n) {
							return unwell(ctx)
						}
						return nil
					}}
					return now, nil
				}}
				var seen []string
				s := supervise.New([]load.Driver{d}, noSpec, supervise.Policy{Heartbeat: time.Second, HeartbeatTimeout: 500 * time.Millisecond},
					supervise.Events{Changed: func(c supervise.Change) { seen = append(seen, string(c.State)) }})
				p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
				if err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				bad = func(n int) bool { return n == 3 || n == 4 || n > 10 && n <= 13 }
				mu.Unlock()
				time.Sleep(time.Minute)
				synctest.Wait()
				want := []string{"running", "unhealthy", "unhealthy", "running", "unhealthy", "unhealthy", "restarting", "running"}
				if !slices.Equal(seen, want) || len(d.started) != 2 || p.Stats().Restarts != 1 {
					t.Errorf("%v, %d starts, %+v", seen, len(d.started), p.Stats())
				}
				s.Close()
			})
		})
	}
}

func noSpec(load.Image) (load.Spec, error) { return load.Spec{}, nil }

// TestCallsAreRepeated only if they did not arrive, or do no harm twice and were cut off.
func TestCallsAreRepeated(t *testing.T) {
	crashed := contract.Errorf(contract.Unavailable, "went away").Because(contract.ReasonCrashed)
	gone := contract.Errorf(contract.Unavailable, "not running").Because(contract.ReasonStopped).NotDelivered()
	busy := contract.Errorf(contract.Unavailable, "busy").Retry(time.Second)
	for _, c := range []struct {
		name  string
		m     contract.UnaryMethod[string, string]
		err   error
		again bool
	}{
		{"not delivered", echo, gone, true},
		{"cut off", echo, crashed, false},
		{"cut off, idempotent", echoTwice, crashed, true},
		{"the handler's own", echoTwice, busy, false},
		{"as if not delivered", echo, contract.Errorf(contract.Unavailable, "x").Because(contract.ReasonStopped), false},
		{"another error", echoTwice, contract.Errorf(contract.Internal, "x").NotDelivered(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				var first *actor
				d := &scripted{}
				d.make = func(load.Image) (*actor, error) {
					a := &actor{}
					a.invoke = func(context.Context) error {
						if calls++; a == first {
							a.end()
							return c.err
						}
						return nil
					}
					if first == nil {
						first = a
					}
					return a, nil
				}
				s := scriptedSet(d, supervise.Policy{})
				p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
				if err != nil {
					t.Fatal(err)
				}
				_, err = c.m.Call(t.Context(), p, "x")
				want := 1
				if c.again {
					want = 2
				}
				if (err == nil) != c.again || calls != want || p.Stats().Retried != uint64(want-1) {
					t.Errorf("%v, %d calls, %+v", err, calls, p.Stats())
				}
				s.Close()
			})
		})
	}
}

// TestCallsAreRepeatedThere: an instance that lives on after a call was cut off, because its
// runtime replaces what trapped, gets the call again at once.
func TestCallsAreRepeatedThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		d := &scripted{make: func(load.Image) (*actor, error) {
			return &actor{invoke: func(context.Context) error {
				if calls++; calls%4 != 0 {
					return contract.Errorf(contract.Unavailable, "trapped").Because(contract.ReasonCrashed)
				}
				return nil
			}}, nil
		}}
		s := scriptedSet(d, supervise.Policy{Heartbeat: -1})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if _, err := echoTwice.Call(t.Context(), p, "x"); !errors.Is(err, contract.Unavailable) || calls != 3 {
			t.Errorf("after three tries: %v, %d calls", err, calls)
		}
		if out, err := echoTwice.Call(t.Context(), p, "x"); err != nil || out != "1.0.0" || calls != 4 {
			t.Errorf("%q, %v, %d calls", out, err, calls)
		}
		if time.Since(begin) != 0 || len(d.started) != 1 {
			t.Errorf("%v, %q", time.Since(begin), d.started)
		}
		s.Close()
	})
}

var echoTwice = contract.Unary[string, string](point, "EchoTwice", contract.MethodOptions{Idempotent: true, Optional: true})

// TestRepetitionEnds when nothing is to come, and with the context of the call.
func TestRepetitionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := contract.Errorf(contract.Unavailable, "not running").NotDelivered()
		d := &scripted{}
		d.make = func(load.Image) (*actor, error) {
			a := &actor{}
			a.invoke = func(context.Context) error { a.end(); return gone }
			return a, nil
		}
		s := scriptedSet(d, supervise.Policy{Restarts: 50, Backoff: time.Hour, MaxBackoff: time.Hour})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := echo.Call(ctx, p, "x"); !errors.Is(err, contract.DeadlineExceeded) || contract.AsError(err).Delivered() {
			t.Errorf("with a deadline: %v", err)
		}
		begin := time.Now()
		time.Sleep(2 * time.Hour) // a new instance runs
		synctest.Wait()
		if _, err := echo.Call(t.Context(), p, "x"); !errors.Is(err, contract.Unavailable) || p.Stats().Retried != 2 {
			t.Errorf("after three tries: %v, %+v", err, p.Stats())
		}
		if d := time.Since(begin); d > 5*time.Hour {
			t.Errorf("it took %v", d)
		}
		s.Close()
		if _, err := echo.Call(t.Context(), p, "x"); !errors.Is(err, contract.Unavailable) || contract.AsError(err).Delivered() {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestParallelStart: what requires nothing of each other starts at the same time, the rest
// in order; stops go the other way.
func TestParallelStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var mu sync.Mutex
		var log []string
		note := func(what string, im load.Image) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, fmt.Sprintf("%s %s %v", what, im.Manifest.ID, time.Since(begin)))
		}
		d := &slow{start: func(im load.Image) load.Instance {
			time.Sleep(time.Second)
			note("start", im)
			a := &actor{done: make(chan struct{}), version: "1"}
			a.stop = func() error { time.Sleep(time.Second); note("stop", im); return nil }
			return a
		}}
		s := supervise.New([]load.Driver{d}, noSpec, supervise.Policy{}, supervise.Events{})
		images := []load.Image{
			image("a/a", "1.0.0"), image("b/b", "1.0.0"),
			needing(image("c/c", "1.0.0"), "a/a", "b/b"), needing(image("d/d", "1.0.0"), "c/c"), needing(image("e/e", "1.0.0"), "z/z", "a/a"),
		}
		if err := s.Sync(t.Context(), images); err != nil {
			t.Fatal(err)
		}
		begin = begin.Add(3 * time.Second)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(log[:2])
		slices.Sort(log[2:4])
		slices.Sort(log[5:7])
		slices.Sort(log[8:10])
		want := "start a/a 1s, start b/b 1s, start c/c 2s, start e/e 2s, start d/d 3s, stop d/d 1s, stop e/e 1s, stop c/c 2s, stop a/a 3s, stop b/b 3s"
		if got := strings.Join(log, ", "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// slow is a driver whose starts run side by side.
type slow struct {
	start func(load.Image) load.Instance
}

func (*slow) Runtime() string                           { return "process" }
func (*slow) Prepare(context.Context, load.Image) error { return nil }
func (d *slow) Start(_ context.Context, im load.Image, _ load.Spec) (load.Instance, error) {
	return d.start(im), nil
}

// TestCloseIsBounded: plugins that hold on to their calls do not hold up the end of the
// program, one after the other or together.
func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scripted{make: func(load.Image) (*actor, error) {
			a := &actor{}
			a.invoke = func(ctx context.Context) error { <-a.done; return contract.Errorf(contract.Unavailable, "ended") }
			return a, nil
		}}
		s := scriptedSet(d, supervise.Policy{Drain: time.Minute, Shutdown: 10 * time.Second})
		var calls sync.WaitGroup
		var images []load.Image
		for i := range 20 {
			im := image(fmt.Sprintf("a/p%02d", i), "1.0.0")
			if i > 0 {
				im = needing(im, images[i-1].Manifest.ID)
			}
			images = append(images, im)
		}
		if err := s.Sync(t.Context(), images); err != nil {
			t.Fatal(err)
		}
		for _, p := range s.Plugins() {
			calls.Go(func() {
				if _, err := echo.Call(t.Context(), p, "x"); !errors.Is(err, contract.Unavailable) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		begin := time.Now()
		if err := s.Close(); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if d := time.Since(begin); d != 10*time.Second {
			t.Errorf("closed after %v", d)
		}
		calls.Wait()
	})
}

// TestCloseDuringASwap: the swap is given up and undone, and the end does not wait for a
// start that hangs.
func TestCloseDuringASwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		starts := 0
		var stopped []string
		d := &hanging{make: func(ctx context.Context, im load.Image) (load.Instance, error) {
			if starts++; starts > 1 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			a := &actor{done: make(chan struct{}), version: "1.0.0"}
			a.stop = func() error { stopped = append(stopped, name(im)); return nil }
			return a, nil
		}}
		s := supervise.New([]load.Driver{d}, noSpec, supervise.Policy{}, supervise.Events{})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		result := make(chan error)
		go func() { result <- s.Sync(t.Context(), []load.Image{image("a/a", "2.0.0")}) }()
		synctest.Wait()
		if v := ask(t, p); v != "1.0.0" {
			t.Errorf("%s serves during the swap", v)
		}
		closed := make(chan error)
		go func() { closed <- s.Close() }()
		if err := <-result; !errors.Is(err, supervise.ErrClosed) {
			t.Errorf("swap: %v", err)
		}
		if err := <-closed; err != nil || !slices.Equal(stopped, []string{"a/a 1.0.0"}) {
			t.Errorf("close: %v, stopped %v", err, stopped)
		}
	})
}

type hanging struct {
	make func(context.Context, load.Image) (load.Instance, error)
}

func (*hanging) Runtime() string                           { return "process" }
func (*hanging) Prepare(context.Context, load.Image) error { return nil }
func (d *hanging) Start(ctx context.Context, im load.Image, _ load.Spec) (load.Instance, error) {
	return d.make(ctx, im)
}

// TestSwapDuringASwap: changes come one after the other, and the last one counts.
func TestSwapDuringASwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &hanging{make: func(_ context.Context, im load.Image) (load.Instance, error) {
			time.Sleep(time.Second)
			return &actor{done: make(chan struct{}), version: im.Manifest.Version.String()}, nil
		}}
		s := supervise.New([]load.Driver{d}, noSpec, supervise.Policy{}, supervise.Events{})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		var swaps sync.WaitGroup
		for i := range 5 {
			swaps.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if err := s.Sync(t.Context(), []load.Image{image("a/a", fmt.Sprintf("1.%d.0", i+1))}); err != nil {
					t.Error(err)
				}
			})
		}
		swaps.Wait()
		if n := p.Stats().Swaps; n != 5 || len(s.Plugins()) != 1 {
			t.Errorf("%d swaps, %d plugins", n, len(s.Plugins()))
		}
		s.Close()
	})
}

// TestExclusive: the old instance lets go before the new one starts and serves until
// then; if the new one does not start, the old image runs anew.
func TestExclusive(t *testing.T) {
	var log []string
	broken := false
	d := &scripted{make: func(im load.Image) (*actor, error) {
		if im.Manifest.ID == "b/b" {
			return &actor{}, nil
		}
		v := im.Manifest.Version.String()
		log = append(log, "start "+v)
		if broken && v == "3.0.0" {
			return nil, errors.New("broken")
		}
		return &actor{
			quiesce: func() error { log = append(log, "quiesce "+v); return nil },
			stop:    func() error { log = append(log, "stop "+v); return nil },
		}, nil
	}}
	exclusive := func(v string) load.Image {
		im := needing(image("a/a", v))
		im.Manifest.State.Exclusive = true
		return im
	}
	s := scriptedSet(d, supervise.Policy{})
	defer s.Close()
	for _, v := range []string{"1.0.0", "2.0.0"} {
		if err := s.Sync(t.Context(), []load.Image{exclusive(v)}); err != nil {
			t.Fatal(err)
		}
	}
	broken = true
	if err := s.Sync(t.Context(), []load.Image{exclusive("3.0.0"), image("b/b", "1.0.0")}); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Error(err)
	}
	if _, err := s.Put(t.Context(), exclusive("3.0.0")); err == nil {
		t.Error("a broken plugin was put")
	}
	again := []string{"quiesce 2.0.0", "start 3.0.0", "start 2.0.0", "stop 2.0.0"}
	want := slices.Concat([]string{"start 1.0.0", "quiesce 1.0.0", "start 2.0.0", "stop 1.0.0"}, again, again)
	if !slices.Equal(log, want) {
		t.Errorf("got  %q\nwant %q", log, want)
	}
	if v := ask(t, s.Plugin("a/a")); v != "2.0.0" {
		t.Errorf("%s serves", v)
	}
	log = nil
	if err := s.Probe(t.Context(), []load.Image{exclusive("3.0.0")}, time.Minute); err != nil || len(log) != 0 {
		t.Errorf("probe: %v, %q", err, log)
	}
}

// TestReconfigure: a plugin that can takes its configuration while it runs, another is
// swapped, and one that refuses keeps what it had.
func TestReconfigure(t *testing.T) {
	config := json.RawMessage(`{"n":1}`)
	var took []string
	d := &scripted{make: func(im load.Image) (*actor, error) {
		a := &actor{}
		switch im.Manifest.ID {
		case "a/live":
			a.take = func(c json.RawMessage) error { took = append(took, string(c)); return nil }
		case "a/picky":
			a.take = func(json.RawMessage) error { return contract.Errorf(contract.InvalidArgument, "no such n") }
		case "a/start":
			a.take = func(json.RawMessage) error { return contract.Errorf(contract.Unimplemented, "only at the start") }
		}
		return a, nil
	}}
	s := supervise.New([]load.Driver{d}, func(load.Image) (load.Spec, error) { return load.Spec{Config: config}, nil }, supervise.Policy{}, supervise.Events{})
	defer s.Close()
	for _, id := range []string{"a/live", "a/picky", "a/start", "a/cannot"} {
		if _, err := s.Put(t.Context(), image(id, "1.0.0")); err != nil {
			t.Fatal(err)
		}
	}
	config = json.RawMessage(`{"n":2}`)
	for _, id := range []string{"a/live", "a/start", "a/cannot", "a/unknown"} {
		if err := s.Reconfigure(t.Context(), image(id, "1.0.0").Manifest.ID); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := s.Reconfigure(t.Context(), "a/picky"); !errors.Is(err, contract.InvalidArgument) || !strings.Contains(err.Error(), "a/picky") {
		t.Error(err)
	}
	if !slices.Equal(took, []string{`{"n":2}`}) || len(d.started) != 6 {
		t.Errorf("took %v, started %v", took, d.started)
	}
	for id, swaps := range map[string]uint64{"a/live": 0, "a/picky": 0, "a/start": 1, "a/cannot": 1} {
		if n := s.Plugin(image(id, "1.0.0").Manifest.ID).Stats().Swaps; n != swaps {
			t.Errorf("%s: %d swaps", id, n)
		}
	}
}

// TestRestartByHand: a plugin whose budget is spent runs again when somebody says so, and
// one that runs is swapped.
func TestRestartByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now *actor
		d := &scripted{make: func(load.Image) (*actor, error) { now = &actor{}; return now, nil }}
		s := scriptedSet(d, supervise.Policy{Restarts: 1})
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		ready := make(chan error, 1)
		for range 2 {
			now.end()
			synctest.Wait()
			if state, _ := p.State(); state == supervise.Restarting {
				go func() { ready <- p.Ready(t.Context()) }()
			}
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if err := <-ready; err != nil {
			t.Errorf("while it restarted: %v", err)
		}
		if state, _ := p.State(); state != supervise.Failed || !errors.Is(p.Ready(t.Context()), contract.Unavailable) {
			t.Errorf("%s, %v", state, p.Ready(t.Context()))
		}
		for range 2 {
			if err := s.Restart(t.Context(), "a/a"); err != nil || p.Ready(t.Context()) != nil {
				t.Error(err, p.Ready(t.Context()))
			}
		}
		now.end()
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := p.Ready(t.Context()); err != nil {
			t.Errorf("the budget is not whole: %v", err)
		}
		if err := s.Restart(t.Context(), "b/b"); !errors.Is(err, contract.Unavailable) {
			t.Error(err)
		}
		s.Close()
		if err := s.Restart(t.Context(), "a/a"); !errors.Is(err, supervise.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		d := &scripted{make: func(load.Image) (*actor, error) {
			return &actor{invoke: func(ctx context.Context) error {
				select {
				case <-release:
				case <-time.After(3 * time.Millisecond):
				}
				return ctx.Err()
			}}, nil
		}}
		s := scriptedSet(d, supervise.Policy{})
		defer s.Close()
		p, err := s.Put(t.Context(), image("a/a", "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 10 {
			ctx := t.Context()
			if i == 0 {
				ctx = over
			}
			_, _ = echo.Call(ctx, p, "x")
		}
		var calls sync.WaitGroup
		for range 4 {
			calls.Go(func() { ask(t, p) })
		}
		synctest.Wait()
		if n := p.Stats().InFlight; n != 4 {
			t.Errorf("%d in flight", n)
		}
		calls.Wait()
		got := p.Stats()
		if got.Calls != 14 || got.Failed != 1 || got.InFlight != 0 || got.Latency.Count != 14 || got.Latency.Sum != 14*3*time.Millisecond {
			t.Errorf("%+v", got)
		}
		if q := got.Latency.Quantile(0.99); q != 4096*time.Microsecond {
			t.Errorf("quantile %v", q)
		}
		if q := (supervise.Histogram{}).Quantile(0.5); q != 0 {
			t.Errorf("of nothing: %v", q)
		}
	})
}

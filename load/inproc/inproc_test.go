package inproc_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/sdk"
)

// stuck does not look at its context, whatever it is asked.
type stuck struct{ stopped atomic.Int64 }

type stuckConfig struct {
	Open bool // is stuck, too
}

var (
	letGo     chan struct{} // made by the test
	lastStuck atomic.Pointer[stuck]
)

func (s *stuck) Stop(context.Context) error                 { s.stopped.Add(1); <-letGo; return nil }
func (*stuck) Check(context.Context) error                  { <-letGo; return nil }
func (*stuck) Configure(context.Context, stuckConfig) error { <-letGo; return nil }
func (*stuck) tick(context.Context, probe.Tock) (probe.Tock, error) {
	<-letGo
	return probe.Tock{}, nil
}

var (
	stuckPoint = contract.Define("plugstead.test/stuck", 1, 0)
	stuckTick  = contract.Unary[probe.Tock, probe.Tock](stuckPoint, "Tick")
)

func init() {
	sdk.RegisterType("plugstead-test/stuck", func(_ context.Context, _ *sdk.Env, c stuckConfig) (*stuck, error) {
		s := new(stuck)
		lastStuck.Store(s)
		if c.Open {
			<-letGo
		}
		return s, nil
	}, sdk.Unary(stuckTick, (*stuck).tick))
}

func image(id manifest.ID) load.Image {
	return load.Image{Manifest: &manifest.Manifest{ID: id}, Runtime: manifest.RuntimeInproc}
}

func TestLinked(t *testing.T) {
	got := map[manifest.ID][]manifest.PointRef{}
	for _, im := range inproc.Linked() {
		if im.Runtime != manifest.RuntimeInproc || im.Tree != "" {
			t.Errorf("%+v", im)
		}
		got[im.Manifest.ID] = im.Manifest.Provides
	}
	if p := got[testplugin.ID]; len(p) != 1 || p[0].String() != "plugstead.test/probe@1.1" {
		t.Error(p)
	}
	if p := got[testplugin.PeerID]; len(p) != 2 || p[0].String() != "plugstead.test/peer@1.0" || p[1].String() != "plugstead.test/peer@2.0" {
		t.Error(p)
	}
	if p, ok := got["plugstead-test/stuck"]; !ok || len(p) != 1 {
		t.Error(p, ok)
	}
}

func TestNotLinked(t *testing.T) {
	d := inproc.Driver{}
	_, err := d.Start(t.Context(), image("a/b"), load.Spec{})
	for _, err := range []error{err, d.Prepare(t.Context(), image("a/b"))} {
		if !errors.Is(err, contract.NotFound) {
			t.Error(err)
		}
	}
}

// TestDirect: plugins with a type are called without pointers, others through Invoke,
// because their Env travels in the context.
func TestDirect(t *testing.T) {
	for id, m := range map[manifest.ID]*contract.Method{testplugin.ID: probe.Tick.Method, testplugin.PeerID: probe.PeerEcho.Method} {
		in, err := inproc.Driver{}.Start(t.Context(), image(id), load.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		h, done := in.(contract.Direct).Direct(m)
		if (h != nil) != (id == testplugin.ID) {
			t.Errorf("%s: direct %v", id, h)
		}
		if h != nil {
			done.Release(false)
		}
		if err := in.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if h, _ := in.(contract.Direct).Direct(m); h != nil {
			t.Errorf("%s: direct after the stop", id)
		}
	}
	in, err := inproc.Driver{}.Start(t.Context(), image(testplugin.ID), load.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := probe.Tick.Call(t.Context(), in, probe.Tock{Text: "x"}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

// TestStuck: a plugin that ignores its context holds up nobody.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo = make(chan struct{})
		in, err := inproc.Driver{}.Start(t.Context(), image("plugstead-test/stuck"), load.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := in.Health(ctx); !errors.Is(err, contract.DeadlineExceeded) {
			t.Errorf("health: %v", err)
		}
		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := in.Stop(late); !errors.Is(err, contract.DeadlineExceeded) {
			t.Errorf("stop: %v", err)
		}
		<-in.Done()
		if err := in.Close(); err != nil || lastStuck.Load().stopped.Load() != 1 {
			t.Errorf("close: %v, stopped %d times", err, lastStuck.Load().stopped.Load())
		}
		close(letGo)
	})
}

// TestStuckClose: a plugin that is not stopped before does not hold up Close.
func TestStuckClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo = make(chan struct{})
		in, err := inproc.Driver{}.Start(t.Context(), image("plugstead-test/stuck"), load.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Hour, func() { close(letGo) })
		begin := time.Now()
		if err := in.Close(); !errors.Is(err, contract.DeadlineExceeded) || time.Since(begin) > time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		<-in.Done()
		<-letGo
	})
}

// TestStuckCall: a plugin whose calls do not end in time is stopped by Close, once.
func TestStuckCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo = make(chan struct{})
		in, err := inproc.Driver{}.Start(t.Context(), image("plugstead-test/stuck"), load.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = in.Invoke(context.Background(), stuckTick.Method, new(probe.Tock), new(probe.Tock)) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := in.Stop(ctx); !errors.Is(err, contract.DeadlineExceeded) || lastStuck.Load().stopped.Load() != 0 {
			t.Errorf("stop: %v, stopped %d times", err, lastStuck.Load().stopped.Load())
		}
		close(letGo)
		for range 2 {
			if err := in.Close(); err != nil || lastStuck.Load().stopped.Load() != 1 {
				t.Errorf("close: %v, stopped %d times", err, lastStuck.Load().stopped.Load())
			}
		}
	})
}

// TestStuckStart: nobody waits for ever for a plugin that does not open, or does not take its
// configuration. One that opens after all is stopped.
func TestStuckStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo = make(chan struct{})
		time.AfterFunc(time.Hour, func() { close(letGo) })
		begin := time.Now()
		in, err := inproc.Driver{}.Start(t.Context(), image("plugstead-test/stuck"), load.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := in.(load.Reconfigurer).Reconfigure(ctx, nil); !errors.Is(err, contract.DeadlineExceeded) {
			t.Errorf("reconfigure: %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := (inproc.Driver{}).Start(ctx, image("plugstead-test/stuck"), load.Spec{Config: []byte(`{"Open":true}`)}); !errors.Is(err, contract.DeadlineExceeded) {
			t.Errorf("start: %v", err)
		}
		if d := time.Since(begin); d > time.Minute {
			t.Errorf("it took %v", d)
		}
		second := lastStuck.Load()
		<-letGo
		synctest.Wait()
		if second.stopped.Load() != 1 {
			t.Errorf("stopped %d times", second.stopped.Load())
		}
	})
}

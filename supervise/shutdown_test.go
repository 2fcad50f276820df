package supervise_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/supervise"
)

// busy makes instances whose calls last until the instance ends or release is closed.
func busy(release <-chan struct{}) func(load.Image) (*actor, error) {
	return func(load.Image) (*actor, error) {
		a := &actor{}
		a.invoke = func(context.Context) error {
			select {
			case <-release:
				return nil
			case <-a.done:
				return contract.Errorf(contract.Unavailable, "ended")
			}
		}
		return a, nil
	}
}

// TestCloseDuringADrain: a change that waits for the calls on an old instance holds up the
// end of the program no longer than that may take.
func TestCloseDuringADrain(t *testing.T) {
	changes := map[string]func(*supervise.Set, context.Context) error{
		"swap": func(s *supervise.Set, ctx context.Context) error {
			return s.Sync(ctx, []load.Image{image("a/a", "2.0.0")})
		},
		"moved data": func(s *supervise.Set, ctx context.Context) error {
			return s.Sync(ctx, []load.Image{keeping(image("a/a", "2.0.0"), "/two", nil)})
		},
		"removal": func(s *supervise.Set, ctx context.Context) error { return s.Sync(ctx, nil) },
		"restart": func(s *supervise.Set, ctx context.Context) error { return s.Restart(ctx, "a/a") },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := scriptedSet(&scripted{make: busy(nil)}, supervise.Policy{Drain: time.Hour, Shutdown: 10 * time.Second})
				p, err := s.Put(t.Context(), keeping(image("a/a", "1.0.0"), "/one", nil))
				if err != nil {
					t.Fatal(err)
				}
				var all sync.WaitGroup
				all.Go(func() {
					if _, err := echo.Call(t.Context(), p, "x"); !errors.Is(err, contract.Unavailable) {
						t.Error(err)
					}
				})
				synctest.Wait()
				all.Go(func() { _ = change(s, t.Context()) })
				synctest.Wait()
				begin := time.Now()
				_ = s.Close()
				if d := time.Since(begin); d > 10*time.Second {
					t.Errorf("closed after %v", d)
				}
				all.Wait()
			})
		})
	}
}

// TestSwitchAtOnce: a plugin that takes long over its last calls does not keep the others of
// the same change from being switched, nor do several take longer than one.
func TestSwitchAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scripted{make: busy(nil)}
		s := scriptedSet(d, supervise.Policy{Drain: time.Minute})
		images := func(v string) []load.Image { return []load.Image{image("a/a", v), image("b/b", v), image("c/c", v)} }
		if err := s.Sync(t.Context(), images("1.0.0")); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for _, p := range s.Plugins() {
			all.Go(func() { _, _ = echo.Call(t.Context(), p, "x") })
		}
		synctest.Wait()
		begin := time.Now()
		all.Go(func() {
			if err := s.Sync(t.Context(), images("2.0.0")); err != nil {
				t.Error(err)
			}
			if d := time.Since(begin); d != time.Minute {
				t.Errorf("it took %v", d)
			}
		})
		synctest.Wait()
		for _, p := range s.Plugins() {
			if v := p.Manifest().Version.String(); v != "2.0.0" {
				t.Errorf("%s runs in %s while others drain", p.ID(), v)
			}
		}
		all.Wait()
		s.Close()
	})
}

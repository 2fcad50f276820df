package supervise_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/supervise"
)

// keeping is an image with a private folder.
func keeping(im load.Image, data string, copying func(context.Context) error) load.Image {
	im.Data, im.MakeData = data, copying
	return im
}

// TestFailedMoveDuringARestart: a plugin that waits for its restart, and whose update with
// other data does not start, is restarted all the same.
func TestFailedMoveDuringARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last *actor
		d := &scripted{make: func(im load.Image) (*actor, error) {
			if im.Manifest.Version.String() == "2.0.0" {
				return nil, errors.New("broken")
			}
			last = new(actor)
			return last, nil
		}}
		s := scriptedSet(d, supervise.Policy{Backoff: time.Minute, MaxBackoff: time.Minute})
		p, err := s.Put(t.Context(), keeping(image("a/a", "1.0.0"), "/one", nil))
		if err != nil {
			t.Fatal(err)
		}
		last.end()
		synctest.Wait()
		if err := s.Sync(t.Context(), []load.Image{keeping(image("a/a", "2.0.0"), "/two", nil)}); err == nil {
			t.Fatal("a broken plugin was started")
		}
		if got := ask(t, p); got != "1.0.0" { // waits for the restart
			t.Errorf("%s answers", got)
		}
		if state, err := p.State(); state != supervise.Running {
			t.Errorf("state %s, %v", state, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestMoveDuringAStart: data is not copied as long as an instance that is started again may
// write to it.
func TestMoveDuringAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		var first *actor
		proceed := make(chan struct{})
		d := &hanging{make: func(_ context.Context, im load.Image) (load.Instance, error) {
			a := &actor{done: make(chan struct{}), version: im.Manifest.Version.String()}
			switch {
			case first == nil:
				first = a
			case im.Data == "/one":
				<-proceed
				a.stop = func() error { log = append(log, "restarted one stopped"); return nil }
			}
			return a, nil
		}}
		s := supervise.New([]load.Driver{d}, noSpec, supervise.Policy{}, supervise.Events{})
		p, err := s.Put(t.Context(), keeping(image("a/a", "1.0.0"), "/one", nil))
		if err != nil {
			t.Fatal(err)
		}
		first.end()
		time.Sleep(time.Second)
		synctest.Wait() // the restart hangs
		result := make(chan error)
		go func() {
			result <- s.Sync(t.Context(), []load.Image{keeping(image("a/a", "2.0.0"), "/two", func(context.Context) error {
				log = append(log, "copied")
				return nil
			})})
		}()
		synctest.Wait()
		close(proceed)
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !slices.Equal(log, []string{"restarted one stopped", "copied"}) {
			t.Errorf("%q", log)
		}
		if got := ask(t, p); got != "2.0.0" {
			t.Errorf("%s answers", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

package supervise_test

import (
	"encoding/json"
	"errors"
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

// TestSyncConfigures: a set whose configurations changed takes them live where that can be,
// swaps in new instances elsewhere, and after an error runs as it did.
func TestSyncConfigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // plugins start side by side
		var took []string
		var last *actor
		d := &scripted{make: func(im load.Image) (*actor, error) {
			a := &actor{}
			if im.Manifest.ID == "a/live" {
				last = a
				a.take = func(c json.RawMessage) error {
					mu.Lock()
					defer mu.Unlock()
					took = append(took, string(c))
					return nil
				}
			}
			if im.Manifest.ID == "a/picky" {
				a.take = func(c json.RawMessage) error {
					if string(c) == "bad" {
						return contract.Errorf(contract.InvalidArgument, "not that")
					}
					return nil
				}
			}
			return a, nil
		}}
		var started []string
		spec := func(im load.Image) (load.Spec, error) {
			mu.Lock()
			defer mu.Unlock()
			started = append(started, string(im.Manifest.ID)+"="+im.Config)
			return load.Spec{Config: json.RawMessage(im.Config)}, nil
		}
		s := supervise.New([]load.Driver{d}, spec, supervise.Policy{Heartbeat: -1}, supervise.Events{})
		defer s.Close()
		apply := func(live, swap, picky string) error {
			var images []load.Image
			for id, c := range map[string]string{"a/live": live, "a/swap": swap, "a/picky": picky} {
				im := image(id, "1.0.0")
				im.Digest, im.Config = "sha256:"+id, c
				images = append(images, im)
			}
			slices.SortFunc(images, func(a, b load.Image) int { return strings.Compare(string(a.Manifest.ID), string(b.Manifest.ID)) })
			return s.Sync(t.Context(), images)
		}
		if err := apply("1", "1", "1"); err != nil {
			t.Fatal(err)
		}
		if err := apply("1", "1", "1"); err != nil || len(d.started) != 3 {
			t.Errorf("nothing to do: %v, %q", err, d.started)
		}
		if err := apply("2", "1", "1"); err != nil || len(d.started) != 3 || !slices.Equal(took, []string{"2"}) {
			t.Errorf("live: %v, %q, took %q", err, d.started, took)
		}
		if err := apply("2", "2", "1"); err != nil || !slices.Equal(d.started[3:], []string{"a/swap 1.0.0"}) {
			t.Errorf("swapped: %v, %q", err, d.started)
		}
		err := apply("3", "3", "bad")
		if e, ok := errors.AsType[*supervise.StartError](err); !ok || e.Image.Manifest.ID != "a/picky" || !errors.Is(err, contract.InvalidArgument) {
			t.Errorf("refused: %v", err)
		}
		if n := len(took); n > 1 && took[n-1] != "2" {
			t.Errorf("what failed is undone: took %q", took)
		}
		took = nil
		started = nil
		last.end() // the restart has the configuration that it took last
		time.Sleep(time.Minute)
		synctest.Wait()
		if !slices.Equal(started, []string{"a/live=2"}) {
			t.Errorf("restarted with %q", started)
		}
		if err := apply("2", "2", "1"); err != nil || took != nil {
			t.Errorf("nothing to do: %v, took %q", err, took)
		}
	})
}

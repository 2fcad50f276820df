package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// TestChangesShareTransactions makes many changes at one time, of which some fail, some are
// trials and some come too late: each has its own result.
func TestChangesShareTransactions(t *testing.T) {
	each(t, func(t *testing.T, s *sqlstore.Store) {
		late, cancel := context.WithCancel(t.Context())
		cancel()
		var wg sync.WaitGroup
		var mu sync.Mutex
		positions := map[int64]bool{}
		for i := range 40 {
			id := manifest.ID(fmt.Sprintf("acme/p%d", i))
			good := offering(t, id, "1.0.0")
			bad := offering(t, id, "2.0.0")
			bad.Manifest.Children = []registry.Child{{Digest: "sha256:none"}}
			trial := offering(t, id, "3.0.0")
			trial.DryRun = true
			unknown := registry.Commit{Edit: &registry.Yank{ID: "acme/none"}}
			wg.Go(func() {
				rec, err := s.Commit(t.Context(), good)
				if err != nil || rec.Existed {
					t.Error(rec, err)
				}
				mu.Lock()
				defer mu.Unlock()
				if positions[rec.Position] || rec.Position == 0 {
					t.Errorf("position %d twice", rec.Position)
				}
				positions[rec.Position] = true
			})
			wg.Go(func() {
				if _, err := s.Commit(t.Context(), bad); !errors.Is(err, registry.ErrChild) {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if _, err := s.Commit(t.Context(), trial); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if _, err := s.Commit(t.Context(), unknown); !errors.Is(err, registry.ErrNotFound) {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if _, err := s.Commit(late, good); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i := range 40 {
			id := manifest.ID(fmt.Sprintf("acme/p%d", i))
			b, _, err := s.Document(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			p, err := index.Parse(id, b)
			if err != nil || len(p.Releases) != 1 || p.Releases[0].Version.String() != "1.0.0" {
				t.Errorf("%s: %v, %v", id, p, err)
			}
		}
	})
}

// TestChangesOfAllReplicas lets three replicas publish versions of one plugin: no
// publication is lost, and positions grow.
func TestChangesOfAllReplicas(t *testing.T) {
	list := replicas(t, 3)
	const each = 20
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]bool{}
	for r, s := range list {
		wg.Go(func() {
			last := int64(0)
			for i := range each {
				rec, err := s.Commit(t.Context(), offering(t, "acme/hello", fmt.Sprintf("%d.%d.0", r+1, i)))
				if err != nil || rec.Position <= last {
					t.Errorf("position %d after %d, %v", rec.Position, last, err)
				}
				last = rec.Position
				mu.Lock()
				if seen[last] {
					t.Errorf("position %d twice", last)
				}
				seen[last] = true
				mu.Unlock()
				b, _, err := s.Document(t.Context(), "acme/hello")
				if err != nil {
					t.Error(err)
				}
				if p, err := index.Parse("acme/hello", b); err != nil || len(p.Releases) <= i {
					t.Errorf("a publication does not show: %v", err)
				}
			}
		})
	}
	wg.Wait()
	b, _, err := list[0].Document(t.Context(), "acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	p, err := index.Parse("acme/hello", b)
	if err != nil || len(p.Releases) != len(list)*each {
		t.Errorf("%d releases, %v", len(p.Releases), err)
	}
}

// TestClosedStore refuses changes and does not hang.
func TestClosedStore(t *testing.T) {
	s := open(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			s.Commit(t.Context(), offering(t, manifest.ID(fmt.Sprintf("acme/p%d", i)), "1.0.0"))
		})
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := s.Commit(t.Context(), offering(t, "acme/late", "1.0.0")); err == nil {
		t.Error("a change after the end")
	}
}

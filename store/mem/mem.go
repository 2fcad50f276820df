// Package mem is a store.Store in memory, for tests and for short-lived programs.
package mem

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/store"
)

// Store keeps everything in memory. The zero value is empty and ready.
type Store struct {
	mu    sync.RWMutex
	blobs map[artifact.Digest][]byte
	tags  map[key]artifact.Descriptor
}

type key struct{ name, tag string }

var _ store.Store = (*Store)(nil)

// Open implements store.Store.
func (s *Store) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.blobs[d.Digest]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", d.Digest.Short(), store.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, d artifact.Descriptor, r io.Reader) error {
	if err := d.Check(); err != nil {
		return err
	}
	s.mu.RLock()
	_, have := s.blobs[d.Digest]
	s.mu.RUnlock()
	if err := ctx.Err(); err != nil || have {
		return err
	}
	b, err := io.ReadAll(artifact.Verify(r, d))
	if err != nil {
		return fmt.Errorf("put %s: %w", d.Digest.Short(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blobs == nil {
		s.blobs = map[artifact.Digest][]byte{}
	}
	s.blobs[d.Digest] = b
	return nil
}

// Tag implements store.Store.
func (s *Store) Tag(ctx context.Context, name, tag string, d artifact.Descriptor) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.blobs[d.Digest]; !ok {
		return fmt.Errorf("tag %s:%s: blob %s: %w", name, tag, d.Digest.Short(), store.ErrNotFound)
	}
	if old, ok := s.tags[key{name, tag}]; ok {
		if old.Digest != d.Digest {
			return fmt.Errorf("tag %s:%s: %w: %s", name, tag, store.ErrBound, old.Digest.Short())
		}
		return nil
	}
	if s.tags == nil {
		s.tags = map[key]artifact.Descriptor{}
	}
	s.tags[key{name, tag}] = d
	return nil
}

// Resolve implements store.Store.
func (s *Store) Resolve(ctx context.Context, name, tag string) (artifact.Descriptor, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d, ok := s.tags[key{name, tag}]
	if !ok {
		return d, fmt.Errorf("tag %s:%s: %w", name, tag, store.ErrNotFound)
	}
	return d, ctx.Err()
}

// Tags implements store.Store.
func (s *Store) Tags(ctx context.Context) iter.Seq2[store.Tagged, error] {
	return func(yield func(store.Tagged, error) bool) {
		s.mu.RLock()
		out := make([]store.Tagged, 0, len(s.tags))
		for k, d := range s.tags {
			out = append(out, store.Tagged{Name: k.name, Tag: k.tag, Descriptor: d})
		}
		s.mu.RUnlock()
		slices.SortFunc(out, func(a, b store.Tagged) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Tag, b.Tag))
		})
		for _, x := range out {
			if !yield(x, ctx.Err()) {
				return
			}
		}
	}
}

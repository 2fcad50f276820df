package static

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
)

// Server is what answers at an address: a registry, or a file server with a static tree.
// Which of them shows in its answers: only a registry tells the revision of a document. Of
// a file server available.json is asked for, once. Its methods allow concurrent calls.
type Server struct {
	*client.Client
	kind atomic.Int32 // of what answers

	mu        sync.Mutex
	asked     bool
	available *index.Available
}

var (
	_ fetch.Remote   = (*Server)(nil)
	_ fetch.Narrower = (*Server)(nil)
	_ index.Searcher = (*Server)(nil)
)

// Kinds of servers; 0 as long as it is not known.
const (
	registered = 1 + iota // documents come with a revision: a registry, which has all it names
	files                 // they come without
)

// At returns what answers at an http or https address, or client.ErrAddress. A registry that
// wants to know who reads gets the credentials of client.Docker. It touches no
// network.
func At(address string) (*Server, error) {
	c, err := client.New(address, client.Options{Credentials: client.Docker{}})
	if err != nil {
		return nil, err
	}
	return &Server{Client: c}, nil
}

// Document implements fetch.Remote.
func (s *Server) Document(ctx context.Context, id manifest.ID, tag string) (fetch.Answer, error) {
	a, err := s.Client.Document(ctx, id, tag)
	switch {
	case a.Revision != "":
		s.kind.Store(registered)
	case err == nil:
		s.kind.Store(files)
	}
	return a, err
}

// Plugin implements index.Index.
func (s *Server) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	p, err := fetch.ReadDocument(ctx, s, id)
	if err != nil {
		return nil, err
	}
	return s.Narrow(ctx, p)
}

// Narrow implements fetch.Narrower.
func (s *Server) Narrow(ctx context.Context, p *index.Plugin) (*index.Plugin, error) {
	if s.kind.Load() == registered {
		return p, nil
	}
	a, err := s.Available(ctx)
	if err != nil {
		return nil, err
	}
	return a.Narrow(p), nil
}

// Search implements index.Searcher. A file server cannot search: the documents of what its
// list names are read.
func (s *Server) Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	return func(yield func(index.Hit, error) bool) {
		for h, err := range s.Client.Search(ctx, q) {
			if errors.Is(err, client.ErrProtocol) && errors.Is(err, registry.ErrNotFound) {
				if a, failed := s.Available(ctx); failed == nil && a != nil {
					s.kind.Store(files)
					index.SearchAll(ctx, listed{s, a}, q)(yield)
					return
				}
			}
			if !yield(h, err) {
				return
			}
		}
	}
}

// listed is a file server that says what it has.
type listed struct {
	*Server
	there *index.Available
}

// Names implements index.Lister.
func (l listed) Names(context.Context) ([]manifest.ID, error) { return l.there.Names(), nil }

// Available returns what of that which documents name is there; nil if the server does not
// say, as no registry does, and then everything is. The caller does not change it.
func (s *Server) Available(ctx context.Context) (*index.Available, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked {
		return s.available, nil
	}
	a, err := s.ask(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s%s: %w", s.Identity(), RouteAvailable, err)
	}
	s.asked, s.available = true, a
	return a, nil
}

func (s *Server) ask(ctx context.Context) (*index.Available, error) {
	b, err := s.File(ctx, RouteAvailable, index.MaxAvailable)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return index.ParseAvailable(b)
}

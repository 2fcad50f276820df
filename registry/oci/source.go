package oci

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry/client"
)

// Source is the plugins in a plain registry. It cannot be searched or listed. Its methods
// allow concurrent calls.
type Source struct {
	name   Name
	client *client.Client

	mu    sync.Mutex
	repos map[manifest.ID]*client.Repository // with their tokens
}

var _ fetch.Remote = (*Source)(nil)

// Open returns the source of a name, or [ErrName]. Of o the token is not used, and Plain is
// set. It touches no network, and there is nothing to close.
func Open(name string, o client.Options) (*Source, error) {
	n, err := Parse(name)
	if err != nil {
		return nil, err
	}
	o.Plain, o.Token = true, ""
	c, err := client.New(n.Base(), o)
	if err != nil {
		return nil, err
	}
	return &Source{name: n, client: c, repos: map[manifest.ID]*client.Repository{}}, nil
}

// Identity implements fetch.Source: the name in its canonical spelling.
func (s *Source) Identity() string { return s.name.String() }

// repository returns the repository of a plugin.
func (s *Source) repository(id manifest.ID) (*client.Repository, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repos[id]; r != nil {
		return r, nil
	}
	name, err := s.name.Repository(id)
	if err != nil {
		return nil, err
	}
	r := s.client.Repository(name)
	s.repos[id] = r
	return r, nil
}

// Blobs implements fetch.Source.
func (s *Source) Blobs(id manifest.ID) artifact.Blobs {
	r, err := s.repository(id)
	if err != nil {
		return nowhere{err}
	}
	return r
}

// nowhere is the bytes of a plugin that the source cannot have.
type nowhere struct{ err error }

func (n nowhere) Open(context.Context, artifact.Descriptor) (io.ReadCloser, error) { return nil, n.err }

// Plugin implements index.Index. It asks for everything each time; who needs several puts a
// fetch.Index in between.
func (s *Source) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	return fetch.ReadDocument(ctx, s, id)
}

// Revision implements fetch.Remote: a plain registry has none.
func (s *Source) Revision(context.Context) (string, error) { return "", nil }

// Document implements fetch.Remote. It makes the document of what the registry has; a
// repository without a release is an unknown plugin. Besides the errors of registry/client it
// returns index.ErrDocument for more releases than a document may have.
func (s *Source) Document(ctx context.Context, id manifest.ID, tag string) (fetch.Answer, error) {
	a, err := s.document(ctx, id, tag)
	if err != nil {
		return fetch.Answer{}, fmt.Errorf("index of %s: %w", id, err)
	}
	return a, nil
}

func (s *Source) document(ctx context.Context, id manifest.ID, old string) (fetch.Answer, error) {
	repo, err := s.repository(id)
	if err != nil {
		return fetch.Answer{}, err
	}
	r, err := look(ctx, repo, id)
	if err != nil {
		return fetch.Answer{}, err
	}
	same, err := r.unchanged(ctx, old)
	if err != nil {
		return fetch.Answer{}, err
	}
	if same {
		return fetch.Answer{Unchanged: true, Tag: old}, nil
	}
	if err := r.readCache(ctx); err != nil {
		return fetch.Answer{}, err
	}
	p, err := r.plugin(ctx)
	if err != nil {
		return fetch.Answer{}, err
	}
	b, err := p.Bytes()
	return fetch.Answer{Bytes: b, Tag: r.fingerprint()}, err
}

package fetch

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

// Remote is a Source at the other end of a network, whose documents are worth keeping.
type Remote interface {
	Source
	// Document asks for the document of id. tag is that of a copy that is here already,
	// "" without one. If the source has no document of this name the error wraps
	// index.ErrNotFound, and the answer has the revision all the same.
	Document(ctx context.Context, id manifest.ID, tag string) (Answer, error)
	// Revision returns the present revision of all documents together, "" if the source
	// does not tell.
	Revision(ctx context.Context) (string, error)
}

// Verbatim is an optional interface of a [Source] that has documents as they were published.
type Verbatim interface {
	// Raw returns the bytes of the document of id; the error wraps index.ErrNotFound if
	// there is none.
	Raw(ctx context.Context, id manifest.ID) ([]byte, error)
}

// Narrower is an optional interface of a [Source] whose documents may name more than it has.
// Releases that are not there are yanked with the reason index.NotMirrored.
type Narrower interface {
	// Narrow returns p without what is not there. It does not change p, which is the
	// document that was asked for last or a kept copy of it.
	Narrow(ctx context.Context, p *index.Plugin) (*index.Plugin, error)
}

// ReadDocument asks r for the document of id, whatever is kept of it: the Plugin method of a
// Remote that keeps nothing itself. It returns the errors of Document and of index.Parse.
func ReadDocument(ctx context.Context, r Remote, id manifest.ID) (*index.Plugin, error) {
	a, err := r.Document(ctx, id, "")
	if err != nil {
		return nil, err
	}
	p, err := index.Parse(id, a.Bytes)
	if err != nil {
		return nil, fmt.Errorf("index of %s: %w", id, err)
	}
	return p, nil
}

// Answer is what a [Remote] says of one document.
type Answer struct {
	Bytes     []byte // the document; nil if it is unchanged
	Unchanged bool   // the copy with the tag that was sent is the document
	Tag       string // to send the next time; "" if that is of no use
	// Revision is one of all documents together that is not newer than this document;
	// "" if the source does not tell.
	Revision string
}

// remote reads the documents of one Remote through a cache.
type remote struct {
	Remote
	offline bool
	cache   *cache // nil without one

	mu       sync.Mutex
	asked    chan struct{} // nil: nobody has asked for the revision; closed: it is here
	revision string
	err      error
}

func newRemote(from Remote, o IndexOptions) *remote {
	return &remote{Remote: from, offline: o.Offline, cache: openCache(o.Cache, from.Identity())}
}

// plugin returns what the source has of a plugin. Offline that is all of the document: what
// is missing shows when it is fetched.
func (r *remote) plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	p, err := r.whole(ctx, id)
	n, ok := r.Remote.(Narrower)
	if err != nil || !ok || r.offline {
		return p, err
	}
	if p, err = n.Narrow(ctx, p); err != nil {
		return nil, fmt.Errorf("index of %s: %w", id, err)
	}
	return p, nil
}

// whole returns a document.
func (r *remote) whole(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	old, p := r.cache.read(id)
	if old != nil {
		fresh, err := r.fresh(ctx, old)
		if err != nil {
			return nil, fmt.Errorf("index of %s: %w", id, err)
		}
		if fresh {
			return known(id, p)
		}
	}
	if r.offline {
		return nil, fmt.Errorf("index of %s from %s: %w", id, r.Identity(), ErrOffline)
	}
	return r.ask(ctx, id, old, p)
}

// known returns what is known of a name: p, or that there is no document.
func known(id manifest.ID, p *index.Plugin) (*index.Plugin, error) {
	if p == nil {
		return nil, fmt.Errorf("index of %s: %w", id, index.ErrNotFound)
	}
	return p, nil
}

// fresh reports whether a copy may be used without asking for the document.
func (r *remote) fresh(ctx context.Context, old *entry) (bool, error) {
	if r.offline {
		return true, nil
	}
	if old.Revision == "" {
		return false, nil
	}
	now, err := r.present(ctx)
	return now == old.Revision, err
}

// present returns the present revision. One request answers for all copies; whoever
// comes first asks.
func (r *remote) present(ctx context.Context) (string, error) {
	r.mu.Lock()
	first := r.asked == nil
	if first {
		r.asked = make(chan struct{})
	}
	r.mu.Unlock()
	if first {
		r.revision, r.err = r.Remote.Revision(ctx)
		close(r.asked)
	}
	<-r.asked
	return r.revision, r.err
}

// ask asks for a document, of which old and p are the copy, and keeps the answer.
func (r *remote) ask(ctx context.Context, id manifest.ID, old *entry, p *index.Plugin) (*index.Plugin, error) {
	tag := ""
	if p != nil {
		tag = old.Tag
	}
	a, err := r.Remote.Document(ctx, id, tag)
	switch {
	case errors.Is(err, index.ErrNotFound) && a.Revision != "": // not the page of a hotel
		r.cache.write(id, entry{Revision: a.Revision}, nil, nil)
		return nil, err
	case err != nil:
		return nil, err
	case a.Unchanged && p != nil && tag != "":
		if a.Revision != old.Revision {
			r.cache.renew(id, entry{Revision: a.Revision, Tag: old.Tag, Digest: old.Digest}, p)
		}
		return p, nil
	}
	if p, err = index.Parse(id, a.Bytes); err != nil {
		return nil, err
	}
	r.cache.write(id, entry{Revision: a.Revision, Tag: a.Tag, Digest: p.Document}, p, a.Bytes)
	return p, nil
}

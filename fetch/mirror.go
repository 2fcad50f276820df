package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

// Mirrored is one source that several places have copies of, whole or in part. They are
// asked in order: an index document comes from the first that has it, bytes from the first
// that has them all right. What a mirror says is checked as what the origin says is: bytes against
// their digests, documents not at all, so that mirrors are trusted like the origin.
//
// A download that breaks off goes on at the next mirror where it ended. When all fail the
// error is a [MirrorsError].
type Mirrored struct {
	// Origin is the source that all are copies of; it gives the identity.
	Origin Source
	// Sources are asked in this order. Origin is asked only if it is one of them. At least
	// one.
	Sources []Source
	// Retry says how a blob that is opened by hand goes on after it broke off. A fetch has
	// its own.
	Retry Retry
}

var (
	_ Remote         = Mirrored{}
	_ Narrower       = Mirrored{}
	_ index.Searcher = Mirrored{}
)

// MirrorFailure is why one mirror did not help.
type MirrorFailure struct {
	Source string // identity
	Err    error
}

// MirrorsError says why each mirror of a source did not help, in the order they were
// asked. errors.Is and errors.As find the errors of all.
type MirrorsError []MirrorFailure

// Error implements error: a line for each mirror.
func (e MirrorsError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "none of %d mirrors helped", len(e))
	for _, f := range e {
		fmt.Fprintf(&b, "\n  %s: %v", f.Source, f.Err)
	}
	return b.String()
}

// Unwrap returns the errors of all mirrors.
func (e MirrorsError) Unwrap() []error {
	var out []error
	for _, f := range e {
		out = append(out, f.Err)
	}
	return out
}

// Identity implements [Source]: it is that of the origin.
func (m Mirrored) Identity() string { return m.Origin.Identity() }

// inOrder calls ask for one mirror after the other until one answers. That there is no
// such document is the answer if no other has it.
func (m Mirrored) inOrder(ctx context.Context, ask func(i int, s Source) error) error {
	var failed MirrorsError
	var none error
	for i, s := range m.Sources {
		err := ask(i, s)
		switch {
		case err == nil || ctx.Err() != nil || len(m.Sources) == 1:
			return err
		case errors.Is(err, index.ErrNotFound):
			none = cmp.Or(none, err)
		default:
			failed = append(failed, MirrorFailure{s.Identity(), err})
		}
	}
	if none != nil {
		return none
	}
	return failed
}

// Plugin implements index.Index: what no mirror has counts as yanked.
func (m Mirrored) Plugin(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	var b []byte
	err := m.inOrder(ctx, func(_ int, s Source) error {
		a, err := documentOf(ctx, s, id, "")
		b = a.Bytes
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := index.Parse(id, b)
	if err != nil {
		return nil, err
	}
	return m.Narrow(ctx, p)
}

// Document implements [Remote]. Tags and revisions of different mirrors mean different
// things, so that each carries who said it.
func (m Mirrored) Document(ctx context.Context, id manifest.ID, tag string) (Answer, error) {
	var found, none Answer
	answers := 0
	err := m.inOrder(ctx, func(_ int, s Source) error {
		a, err := documentOf(ctx, s, id, saidBy(s, tag))
		a.Tag, a.Revision = says(s, a.Tag), says(s, a.Revision)
		switch {
		case err == nil:
			found = a
		case errors.Is(err, index.ErrNotFound):
			if answers++; answers == 1 {
				none = a
			}
		}
		return err
	})
	if !errors.Is(err, index.ErrNotFound) {
		return found, err
	}
	if answers < len(m.Sources) {
		none.Revision = "" // who could not be asked may have it
	}
	return none, err
}

func documentOf(ctx context.Context, s Source, id manifest.ID, tag string) (a Answer, err error) {
	switch s := s.(type) {
	case Remote:
		a, err = s.Document(ctx, id, tag)
	case Verbatim:
		a.Bytes, err = s.Raw(ctx, id)
	default:
		var p *index.Plugin
		if p, err = s.Plugin(ctx, id); err == nil {
			a.Bytes, err = p.Bytes()
		}
	}
	if err == nil && !a.Unchanged {
		_, err = index.Parse(id, a.Bytes) // the page of a hotel is no answer
	}
	return a, err
}

// Revision implements [Remote].
func (m Mirrored) Revision(ctx context.Context) (rev string, err error) {
	err = m.inOrder(ctx, func(_ int, s Source) (err error) {
		rev = ""
		if r, ok := s.(Remote); ok {
			rev, err = r.Revision(ctx)
			rev = says(s, rev)
		}
		return err
	})
	return rev, err
}

// says adds to a tag or a revision who said it.
func says(s Source, what string) string {
	if what == "" {
		return ""
	}
	return s.Identity() + " " + what
}

// saidBy returns what s said, or "" if somebody else did.
func saidBy(s Source, what string) string {
	own, ok := strings.CutPrefix(what, s.Identity()+" ")
	if !ok {
		return ""
	}
	return own
}

// Search implements index.Searcher: the first mirror that can be searched and answers.
func (m Mirrored) Search(ctx context.Context, q index.Query) iter.Seq2[index.Hit, error] {
	return func(yield func(index.Hit, error) bool) {
		var hits []index.Hit
		err := m.inOrder(ctx, func(_ int, s Source) error {
			hits = nil
			for h, err := range (Sources{Default: s}).Search(ctx, q) {
				if err != nil {
					return err
				}
				hits = append(hits, h)
			}
			return nil
		})
		if err != nil {
			yield(index.Hit{}, err)
			return
		}
		for _, h := range hits {
			if !yield(h, nil) {
				return
			}
		}
	}
}

// Blobs implements [Source].
func (m Mirrored) Blobs(id manifest.ID) artifact.Blobs {
	out := mirrors{retry: m.Retry}
	for _, s := range m.Sources {
		out.list = append(out.list, mirror{s.Identity(), s.Blobs(id)})
	}
	return out
}

// mirror is the bytes of one plugin at one place.
type mirror struct {
	name  string
	blobs artifact.Blobs
}

// mirrors are asked in order.
type mirrors struct {
	list  []mirror
	retry Retry
}

// mirrorsOf returns the places that b stands for.
func mirrorsOf(b artifact.Blobs) mirrors {
	if m, ok := b.(mirrors); ok {
		return m
	}
	return mirrors{list: []mirror{{"", b}}}
}

// Open implements artifact.Blobs. Small blobs are read and checked first, so that the
// next mirror stands in for one that breaks off or sends other bytes; of a large one the
// first mirror that begins gives all.
func (m mirrors) Open(ctx context.Context, d artifact.Descriptor) (io.ReadCloser, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	if d.Size <= artifact.MaxManifest {
		buf := newBuffer(d)
		w := download{d: d, to: buf, retry: m.retry}
		if err := w.run(ctx, m); err != nil {
			return nil, err
		}
		return buf.checked.Open(), nil
	}
	var failed MirrorsError
	for _, x := range m.list {
		r, err := x.blobs.Open(ctx, d)
		if err == nil || ctx.Err() != nil || len(m.list) == 1 {
			return r, err
		}
		failed = append(failed, MirrorFailure{x.name, err})
	}
	return nil, failed
}

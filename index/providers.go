package index

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/manifest"
)

// MaxProviders is how many plugins the header of a document names as providers.
const MaxProviders = 200

// Offered returns the names that p offers in releases that are neither yanked nor
// blocked, sorted.
func (p *Plugin) Offered() []manifest.ID {
	var out []manifest.ID
	for i := range p.Releases {
		if r := &p.Releases[i]; !r.withdrawn() {
			for _, o := range r.Offers {
				out = append(out, o.ID)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ProvidersOf makes the providers in the header of id out of all plugins that offer it:
// sorted, none twice, at most [MaxProviders]. If there are more, those of the namespace of
// id stay, because they count without anybody having asked for them. It changes ids.
func ProvidersOf(id manifest.ID, ids []manifest.ID) []manifest.ID {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) <= MaxProviders {
		return ids
	}
	near := func(x manifest.ID) bool { return x.Namespace() == id.Namespace() }
	slices.SortStableFunc(ids, func(a, b manifest.ID) int {
		switch {
		case near(a) == near(b):
			return 0
		case near(a):
			return -1
		}
		return 1
	})
	ids = ids[:MaxProviders]
	slices.Sort(ids)
	return ids
}

// WithProviders returns the document doc of id with other providers, as [ProvidersOf]
// makes them. No other line than the header is looked at. doc is nil if id has no document
// yet; the result is nil if neither providers nor releases are left. It fails with
// [ErrDocument] if doc is not of the form, or beyond the limits.
func WithProviders(id manifest.ID, doc []byte, providers []manifest.ID) ([]byte, error) {
	p := &Plugin{Header: Header{ID: id}}
	header, rest, _ := bytes.Cut(doc, []byte("\n"))
	if doc != nil {
		if err := p.parseHeader(new(reader), id, header); err != nil {
			return nil, fmt.Errorf("%w of %s: %w", ErrDocument, id, err)
		}
	}
	if len(rest) == 0 && len(providers) == 0 {
		return nil, nil
	}
	p.Providers = providers
	var b bytes.Buffer
	b.Grow(len(doc) + 1024)
	if err := p.Header.encode(&b); err != nil {
		return nil, err
	}
	b.Write(rest)
	if b.Len() > MaxDocument {
		return nil, fmt.Errorf("%w: %s has %d bytes, more than the limit of %d", ErrDocument, id, b.Len(), MaxDocument)
	}
	return b.Bytes(), nil
}

// encode writes the first line of a document.
func (h Header) encode(b *bytes.Buffer) error {
	h.V = Version
	if err := h.check(); err != nil {
		return fmt.Errorf("%w of %s: %w", ErrDocument, h.ID, err)
	}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(h); err != nil {
		return err
	}
	if n := b.Len(); n > maxLine {
		return fmt.Errorf("%w: the header of %s takes %d bytes, more than the limit of %d", ErrDocument, h.ID, n, maxLine)
	}
	return nil
}

func (h *Header) checkProviders() error {
	if n := len(h.Providers); n > MaxProviders {
		return fmt.Errorf("%d providers, more than the limit of %d", n, MaxProviders)
	}
	for i, id := range h.Providers {
		if _, err := manifest.ParseID(string(id)); err != nil {
			return fmt.Errorf("provider: %w", err)
		}
		if id == h.ID {
			return fmt.Errorf("provider: %s itself", id)
		}
		if i > 0 && id <= h.Providers[i-1] {
			return fmt.Errorf("provider: %s behind %s", id, h.Providers[i-1])
		}
	}
	return nil
}

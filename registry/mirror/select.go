package mirror

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// Selection says what to copy.
type Selection struct {
	// Wishes are plugins with ranges; pre-releases within a range count. None: everything
	// that the source can list.
	Wishes []resolve.Wish
	// Platforms are those that packages are copied for; none: all. WebAssembly runs on each.
	Platforms []manifest.Platform
	// Host, if it is not nil, is the application to choose for: one version of each plugin
	// with what it requires, as an installation chooses, that runs on its platform and all
	// of Platforms. Nil: all versions in range, and all that they may need.
	Host *resolve.Host
}

// Set is what [Select] chose: items sorted by id.
type Set struct {
	From  fetch.Source
	Items []Item
}

// Item is one document with the releases whose bytes are copied with it, in its order.
type Item struct {
	ID       manifest.ID
	Document []byte // verbatim
	Releases []Release
}

// Release is a release with those of its packages that are copied.
type Release struct {
	*index.Release
	Packages []index.Package
}

// Available lists the releases of s.
func (s *Set) Available() *index.Available {
	a := &index.Available{}
	for _, it := range s.Items {
		for _, r := range it.Releases {
			a.Add(it.ID, r.Version, r.Packages...)
		}
	}
	return a
}

// Documents returns the documents of s.
func (s *Set) Documents() map[manifest.ID][]byte {
	out := map[manifest.ID][]byte{}
	for _, it := range s.Items {
		out[it.ID] = it.Document
	}
	return out
}

// Select chooses what to copy. A release that is blocked, or that the source lacks, is left
// out; one that is yanked is not, for those who have locked it. Names that somebody offers
// or needs get their documents, also without a release. Besides the errors of the source,
// and with Host of resolve.Solve, it returns [ErrCannotList], index.ErrNotFound for a wish
// that nobody has published, and [ErrNothing] for one of which nothing is left.
func Select(ctx context.Context, from fetch.Source, sel Selection) (*Set, error) {
	docs, err := openDocuments(ctx, from)
	if err != nil {
		return nil, err
	}
	s := &selecter{sel: sel, docs: docs, chosen: map[manifest.ID]map[*index.Release]bool{}}
	switch {
	case sel.Host != nil:
		err = s.solve(ctx)
	case len(sel.Wishes) > 0:
		err = s.wishes(ctx)
	default:
		err = s.everything(ctx)
	}
	if err != nil {
		return nil, err
	}
	return s.set(), nil
}

type selecter struct {
	sel    Selection
	docs   *documents
	chosen map[manifest.ID]map[*index.Release]bool // by document, also those of which nothing is chosen
	queue  []*index.Release                        // chosen, and not asked what they need
}

// document marks the document of id, if there is one.
func (s *selecter) document(ctx context.Context, id manifest.ID) (*index.Plugin, error) {
	p, err := s.docs.find(ctx, id)
	if p != nil && s.chosen[id] == nil {
		s.chosen[id] = map[*index.Release]bool{}
	}
	return p, err
}

// choose marks releases of p, if they can be copied, and reports whether there is one.
func (s *selecter) choose(p *index.Plugin, fits func(*index.Release) bool) bool {
	found := false
	for i := range p.Releases {
		r := &p.Releases[i]
		if r.State.Blocked != nil || !s.docs.there.Has(p.ID, r.Version) || !fits(r) || len(r.Packages) > 0 && len(s.packages(r)) == 0 {
			continue
		}
		found = true
		if !s.chosen[p.ID][r] {
			s.chosen[p.ID][r] = true
			s.queue = append(s.queue, r)
		}
	}
	return found
}

// packages returns the packages of r for the platforms.
func (s *selecter) packages(r *index.Release) []index.Package {
	all := s.docs.there.Packages(r)
	if len(s.sel.Platforms) == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(p index.Package) bool {
		return !p.Platform.Everywhere() && !slices.Contains(s.sel.Platforms, p.Platform)
	})
}

func within(rng version.Range) func(*index.Release) bool {
	return func(r *index.Release) bool { return rng.HasPre(r.Version) }
}

// wishes marks all versions in range and what they need.
func (s *selecter) wishes(ctx context.Context) error {
	for _, w := range s.sel.Wishes {
		p, err := s.document(ctx, w.ID)
		if err != nil {
			return err
		}
		if p == nil {
			return fmt.Errorf("%s: %w", w.ID, index.ErrNotFound)
		}
		if w, err = w.Follow(p); err != nil {
			return err
		}
		if found := s.choose(p, within(w.Range)); !found && len(p.Releases) > 0 {
			return fmt.Errorf("%s: %w: no release is in range, here, and for the platforms", w, ErrNothing)
		}
		if err := s.providers(ctx, p, w.Range); err != nil {
			return err
		}
	}
	return s.needs(ctx)
}

// needs marks what the chosen releases need, and what that needs.
func (s *selecter) needs(ctx context.Context) error {
	for len(s.queue) > 0 {
		r := s.queue[0]
		s.queue = s.queue[1:]
		for _, n := range required(r) {
			p, err := s.document(ctx, n.ID)
			if err != nil {
				return err
			}
			if p == nil {
				continue // the source has not what the release needs; who installs it is told
			}
			s.choose(p, within(n.Range))
			if err := s.providers(ctx, p, n.Range); err != nil {
				return err
			}
		}
	}
	return nil
}

// required lists what r cannot be without: each alternative, and nothing optional.
func required(r *index.Release) []manifest.Need {
	out := slices.DeleteFunc(slices.Clone(r.Requires), func(n manifest.Need) bool { return n.Optional })
	for _, list := range r.AnyOf {
		out = append(out, list...)
	}
	return out
}

// providers marks the releases of others that offer the name of p in a range.
func (s *selecter) providers(ctx context.Context, p *index.Plugin, rng version.Range) error {
	for _, id := range p.Providers {
		other, err := s.document(ctx, id)
		if err != nil {
			return err
		}
		if other == nil {
			continue
		}
		s.choose(other, func(r *index.Release) bool {
			return slices.ContainsFunc(r.Offers, func(o manifest.Offer) bool { return o.ID == p.ID && rng.HasPre(o.Version) })
		})
	}
	return nil
}

// everything marks all that the source lists.
func (s *selecter) everything(ctx context.Context) error {
	all, err := s.docs.names(ctx)
	if err != nil {
		return err
	}
	for _, id := range all {
		p, err := s.document(ctx, id)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		s.choose(p, within(version.Range{}))
		for _, name := range p.Offered() {
			if _, err := s.document(ctx, name); err != nil {
				return err
			}
		}
	}
	return s.needs(ctx) // a listing may leave out what is yanked
}

// solve marks what an installation would choose.
func (s *selecter) solve(ctx context.Context) error {
	wishes := slices.Clone(s.sel.Wishes)
	for i, w := range wishes {
		if w.Channel == "" {
			continue
		}
		p, err := s.docs.Plugin(ctx, w.ID)
		if err != nil {
			return err
		}
		if wishes[i], err = w.Follow(p); err != nil {
			return err
		}
	}
	sol, err := resolve.Solve(ctx, s.docs, resolve.Problem{Wishes: wishes, Host: *s.sel.Host, Platforms: s.sel.Platforms})
	if err != nil {
		return err
	}
	for _, c := range sol.Choices {
		p, err := s.document(ctx, c.ID)
		if err != nil {
			return err
		}
		if !s.choose(p, func(r *index.Release) bool { return r.Version == c.Release.Version }) {
			return fmt.Errorf("%s: %w", c.Name(), ErrNothing)
		}
		for _, n := range required(c.Release) {
			if _, err := s.document(ctx, n.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *selecter) set() *Set {
	set := &Set{From: s.docs.from}
	for id, chosen := range s.chosen {
		it := Item{ID: id, Document: s.docs.raw[id]}
		p := s.docs.read[id]
		for i := range p.Releases {
			if r := &p.Releases[i]; chosen[r] {
				it.Releases = append(it.Releases, Release{r, s.packages(r)})
			}
		}
		set.Items = append(set.Items, it)
	}
	slices.SortFunc(set.Items, func(a, b Item) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return set
}

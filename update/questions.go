package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// Why returns the shortest paths from requests to a plugin of a lock, at most ten, each
// from the request down to the plugin. It returns [ErrNotInstalled] if the lock has no
// such plugin.
func Why(l *resolve.Lock, id manifest.ID) ([][]manifest.ID, error) {
	if _, ok := l.Find(id); !ok {
		return nil, fmt.Errorf("%s: %w", id, ErrNotInstalled)
	}
	const most = 10
	var found [][]manifest.ID
	queue, seen := [][]manifest.ID{{id}}, map[manifest.ID]bool{id: true}
	for len(queue) > 0 && len(found) < most {
		path := queue[0]
		queue = queue[1:]
		for _, by := range l.Because(path[0]) {
			if by == resolve.You {
				found = append(found, path)
				continue
			}
			name, _, _ := strings.Cut(by, " ")
			if next := manifest.ID(name); !seen[next] {
				seen[next] = true
				queue = append(queue, append([]manifest.ID{next}, path...))
			}
		}
	}
	return found, nil
}

// WhyNot says why a plugin is not installed in a range of versions: a
// [*resolve.Failure] if it cannot be, nil if asking for it would do. It starts from the
// installed set with c, whose plugins all may move.
func (u *Updater) WhyNot(ctx context.Context, c Change, w resolve.Wish) (*Plan, *resolve.Failure, error) {
	c.Install, c.UpdateAll = append(slices.Clone(c.Install), w), true
	p, err := u.Plan(ctx, c)
	if f, ok := errors.AsType[*resolve.Failure](err); ok {
		return nil, f, nil
	}
	return p, nil, err
}

// WhatIf says what would change if the application had another version. The installed
// plugins that fit stay.
func (u *Updater) WhatIf(ctx context.Context, c Change, host version.Version) (*Plan, error) {
	other := &Updater{Sources: u.Sources, Index: u.Index, Blobs: u.Blobs, Dir: u.Dir, Policy: u.Policy, Host: u.Host, Events: u.Events, Local: u.Local, Reopen: u.Reopen}
	other.Host.Version = host
	return other.Plan(ctx, c)
}

// Outdated compares one installed plugin with its index.
type Outdated struct {
	ID        manifest.ID     `json:"id"`
	Installed version.Version `json:"installed"`
	Wanted    version.Version `json:"wanted"`          // what an update would choose
	Latest    version.Version `json:"latest,omitzero"` // the newest there is
	Pinned    bool            `json:"pinned,omitempty"`
	Yanked    string          `json:"yanked,omitempty"`
	// Deprecated is what the owner of the plugin advises; nil: nothing.
	Deprecated *index.Deprecation `json:"deprecated,omitempty"`
	WhyNot     string             `json:"whyNot,omitempty"` // what keeps the latest away
}

// Outdated lists every installed plugin with what an update would choose. It asks
// the sources and changes nothing. c has the rules and the lock file to heed.
func (u *Updater) Outdated(ctx context.Context, c Change) ([]Outdated, error) {
	c.UpdateAll = true
	ix := u.openIndex(ctx, c)
	defer ix.Close()
	p, err := u.plan(ctx, ix, c)
	if err != nil {
		return nil, err
	}
	out := []Outdated{}
	ask := u.asker(ix, p, c)
	for _, r := range p.base.Records {
		o := Outdated{ID: r.ID, Installed: r.Manifest.Version, Wanted: r.Manifest.Version}
		if c, ok := p.solution.Find(r.ID); ok {
			o.Wanted = c.Release.Version
		}
		o.Pinned = slices.ContainsFunc(p.Lock.Pins, func(x resolve.Pin) bool { return x.ID == r.ID })
		doc, err := ix.Plugin(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		o.Yanked, o.Deprecated = yanked(doc, o.Installed), doc.Deprecated
		if latest, ok := doc.Latest(); ok {
			o.Latest = latest.Version
			if o.Latest.Compare(o.Wanted) > 0 {
				o.WhyNot = ask(ctx, r.ID, latest)
			}
		}
		out = append(out, o)
	}
	return out, nil
}

func yanked(doc *index.Plugin, v version.Version) string {
	r, ok := doc.Find(v)
	if !ok || r.State.Yanked == nil {
		return ""
	}
	if r.State.Yanked.Reason != "" {
		return r.State.Yanked.Reason
	}
	return "yanked"
}

// asker returns a function that asks for the latest version of a plugin by name and
// says why that fails. All its questions share the documents.
func (u *Updater) asker(ix index.Index, p *Plan, c Change) func(context.Context, manifest.ID, *index.Release) string {
	s := resolve.New(ix)
	question := u.problem(p.base, &p.base.Lock, c)
	question.NoSuggestions, question.Keep = true, false
	return func(ctx context.Context, id manifest.ID, latest *index.Release) string {
		q := question
		q.Wishes = append(slices.Clone(q.Wishes), resolve.Wish{ID: id, Range: version.Exact(latest.Version)})
		_, err := s.Solve(ctx, q)
		if f, ok := errors.AsType[*resolve.Failure](err); ok {
			return blocker(f, id)
		}
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("another choice was better; ask for it with install %s@%s", id, latest.Version)
	}
}

// blocker picks the fact that explains most: not the question itself, but what stands
// against it; a request of the user only if there is nothing else.
func blocker(f *resolve.Failure, id manifest.ID) string {
	for _, fact := range f.Facts {
		if !strings.HasPrefix(fact, resolve.You+" ") && !strings.HasPrefix(fact, "published of ") {
			return fact
		}
	}
	for _, fact := range f.Facts {
		if !strings.Contains(fact, string(id)+" =") {
			return fact
		}
	}
	return f.Lead
}

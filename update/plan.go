// Package update is step 10 of 10: it plans a change of the installed set and
// carries out steps 5 to 9 for it as one transaction.
package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/verify"
	"github.com/plugstead/plugstead/version"
)

// Errors of this step.
var (
	// ErrStale says that the installed set changed after a plan was made.
	ErrStale = errors.New("the installed set has changed since the plan was made")
	// ErrNotInstalled says that a plugin to change is not installed.
	ErrNotInstalled = errors.New("not installed")
	// ErrNeeded says that a plugin cannot be removed because others require it.
	ErrNeeded = errors.New("needed by other plugins")
)

// Updater joins steps 4 to 9. Its fields are not changed after first use; its
// methods allow concurrent calls.
type Updater struct {
	Sources fetch.Sources
	Blobs   string // folder of the local store: payloads pass through it, metadata stays
	Dir     *install.Dir
	Policy  verify.Policy
	Host    resolve.Host
	// Running returns the plugins that run, to be swapped by a change. Nil, or
	// returning nil: a change is one of the folder only.
	Running func() *supervise.Set
	// Prepare does the slow work of a first start, compiling for example, before the
	// switch. It starts nothing. Nil: the first start does it.
	Prepare func(context.Context, load.Image) error
	Events  Events

	turn turn
}

func (u *Updater) running() *supervise.Set {
	if u.Running == nil {
		return nil
	}
	return u.Running()
}

// Events tell what is going on. Every field may be nil.
type Events struct {
	Fetch fetch.Events
	// Step names what begins: "resolve", "fetch", "verify", "install", "switch".
	Step func(name string)
}

// Change is what somebody wants to be different.
type Change struct {
	Install   []resolve.Wish
	Uninstall []manifest.ID
	Update    []manifest.ID // move these to the newest version that fits
	UpdateAll bool          // move everything
}

// Action is what a plan does with one plugin.
type Action string

// The actions of a plan.
const (
	Install   Action = "install"
	Update    Action = "update"
	Downgrade Action = "downgrade"
	Replace   Action = "replace" // same version, other bytes or runtime, or its files are gone
	Remove    Action = "remove"
	Keep      Action = "keep"
)

// Line is one plugin of a plan.
type Line struct {
	ID      manifest.ID     `json:"id"`
	Do      Action          `json:"do"`
	From    version.Version `json:"from,omitzero"`
	To      version.Version `json:"to,omitzero"`
	Because []string        `json:"because,omitempty"`
	Size    int64           `json:"size,omitempty"` // of the payload, bytes
	Runtime string          `json:"runtime,omitempty"`
	Asks    []string        `json:"asks,omitempty"` // capabilities it did not ask for before
}

// Plan is what would change, and why. Apply carries out exactly it.
type Plan struct {
	Lines    []Line
	Requests []resolve.Wish // the wishes after the change
	base     *install.Generation
	solution *resolve.Solution
	order    []resolve.Choice // of starting
	why      string
	whole    func(artifact.Digest) bool // whether the files of a payload are there
}

// Changes lists the lines that change something.
func (p *Plan) Changes() []Line {
	return slices.DeleteFunc(slices.Clone(p.Lines), func(l Line) bool { return l.Do == Keep })
}

// Empty reports whether carrying out p would change nothing, not even a wish.
func (p *Plan) Empty() bool {
	same := slices.EqualFunc(p.Requests, p.base.Lock.Requests, func(a, b resolve.Wish) bool { return a.String() == b.String() })
	return same && len(p.Changes()) == 0
}

// Plan resolves a change and judges the result by policy. It downloads index
// documents and no artifacts, and changes nothing.
func (u *Updater) Plan(ctx context.Context, c Change) (*Plan, error) {
	base, err := u.Dir.Active()
	if err != nil {
		return nil, err
	}
	if err := check(base, c); err != nil {
		return nil, err
	}
	u.step("resolve")
	locked := &base.Lock
	p := &Plan{base: base, why: c.String(), whole: u.Dir.HasTree}
	p.Requests = (&resolve.Lock{Requests: locked.Without(c.Uninstall...)}).With(c.Install...)
	// A plugin asked for by name is free to move.
	update := slices.Clone(c.Update)
	for _, w := range c.Install {
		update = append(update, w.ID)
	}
	p.solution, err = resolve.Solve(ctx, u.Sources, resolve.Problem{
		Wishes: p.Requests, Locked: locked, Update: update, UpdateAll: c.UpdateAll, Keep: true, Host: u.Host, Policy: u.Policy,
	})
	if err != nil {
		return nil, err
	}
	if p.order, err = p.solution.StartOrder(); err != nil {
		return nil, err
	}
	if err := verify.Solution(u.Policy, p.solution, locked); err != nil {
		return nil, err
	}
	p.lines()
	return p, nil
}

// String says what c is, for the history.
func (c Change) String() string {
	var parts []string
	add := func(verb string, names []string) {
		if len(names) > 0 {
			parts = append(parts, verb+" "+strings.Join(names, " "))
		}
	}
	add("install", words(c.Install))
	add("uninstall", words(c.Uninstall))
	add("update", words(c.Update))
	if c.UpdateAll {
		parts = append(parts, "update")
	}
	return strings.Join(parts, ", ")
}

func words[T any](list []T) []string {
	var out []string
	for _, x := range list {
		out = append(out, fmt.Sprint(x))
	}
	return out
}

// check refuses changes of what is not there.
func check(g *install.Generation, c Change) error {
	for _, id := range c.Update {
		if _, ok := g.Find(id); !ok {
			return fmt.Errorf("update %s: %w", id, ErrNotInstalled)
		}
	}
	for _, id := range c.Uninstall {
		if _, ok := g.Find(id); !ok {
			return fmt.Errorf("uninstall %s: %w", id, ErrNotInstalled)
		}
		if by := neededBy(g, id, c.Uninstall); len(by) > 0 {
			return fmt.Errorf("uninstall %s: %w: %s", id, ErrNeeded, strings.Join(by, ", "))
		}
	}
	return nil
}

// neededBy lists the installed plugins that require id and are not among going.
func neededBy(g *install.Generation, id manifest.ID, going []manifest.ID) []string {
	var out []string
	for _, p := range g.Lock.Plugins {
		if slices.Contains(going, p.ID) {
			continue
		}
		if slices.ContainsFunc(p.Requires, func(n manifest.Need) bool { return n.ID == id && !n.Optional }) {
			out = append(out, string(p.ID))
		}
	}
	return out
}

// lines compares the solution with the base.
func (p *Plan) lines() {
	for _, c := range p.solution.Choices {
		p.Lines = append(p.Lines, p.line(c))
	}
	for _, r := range p.base.Records {
		if _, stays := p.solution.Find(r.ID); !stays {
			p.Lines = append(p.Lines, Line{ID: r.ID, Do: Remove, From: r.Manifest.Version})
		}
	}
	slices.SortFunc(p.Lines, func(a, b Line) int { return strings.Compare(string(a.ID), string(b.ID)) })
}

func (p *Plan) line(c resolve.Choice) Line {
	l := Line{ID: c.ID, Do: Install, To: c.Release.Version, Because: p.solution.Because(c.ID), Size: c.Package.Payload.Size, Runtime: c.Package.Runtime}
	var had []manifest.Capability
	if r, ok := p.base.Find(c.ID); ok {
		l.From, had = r.Manifest.Version, r.Manifest.Capabilities
		switch order := l.To.Compare(l.From); {
		case order > 0:
			l.Do = Update
		case order < 0:
			l.Do = Downgrade
		case p.unchanged(c, r):
			l.Do = Keep
		default:
			l.Do = Replace
		}
	}
	for _, k := range c.Release.Capabilities {
		if !slices.Contains(had, k) {
			l.Asks = append(l.Asks, string(k))
		}
	}
	return l
}

// unchanged reports whether c is installed as it is, with its files.
func (p *Plan) unchanged(c resolve.Choice, r install.Record) bool {
	locked, ok := p.base.Lock.Find(c.ID)
	return ok && locked.Digest == c.Release.Digest && r.Payload == c.Package.Payload.Digest && r.Runtime == c.Package.Runtime && p.whole(r.Payload)
}

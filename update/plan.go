// Package update is step 10 of 10: it plans a change of the installed set and
// carries out steps 5 to 9 for it as one transaction.
package update

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
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
	// ErrStale says that the installed set changed after a plan was made, or what somebody
	// started from.
	ErrStale = errors.New("the installed set has changed since the plan was made")
	// ErrNotInstalled says that a plugin to change is not installed.
	ErrNotInstalled = errors.New("not installed")
	// ErrNeeded says that a plugin cannot be removed because others require it.
	ErrNeeded = errors.New("needed by other plugins")
	// ErrHeld says that a release did not start before and nobody asked to try it again.
	ErrHeld = errors.New("held back")
)

// Updater joins steps 4 to 9. Its fields are not changed after first use; its
// methods allow concurrent calls.
type Updater struct {
	Sources fetch.Sources
	Index   fetch.IndexOptions // how documents are read, and whether the network may be used at all
	Blobs   string             // folder of the local store: payloads pass through it, metadata stays
	Dir     *install.Dir
	Policy  verify.Policy
	Host    resolve.Host
	// Running returns the plugins that run, to be swapped by a change. Nil, or
	// returning nil: a change is one of the folder only.
	Running func() *supervise.Set
	// Local returns the source of a plugin that is in a folder of this machine and not
	// installed, whatever Sources say of it, or nil; see fetch.Sources.One. Nil: there are
	// none.
	Local func(manifest.ID) fetch.Source
	// Reopen returns the source on this machine that a lock names by its identity, or nil if
	// it is of no such kind: plugins that came from there are looked for there, and stay if
	// they are gone. Nil: there are none.
	Reopen func(identity string) fetch.Source
	// Prepare does the slow work of a first start, compiling for example, before the
	// switch. It starts nothing. Nil: the first start does it.
	Prepare func(context.Context, load.Image) error
	// Optional reports that the application starts without a plugin if that does not. Nil:
	// it needs all of them.
	Optional func(manifest.ID) bool
	// Consent decides whether plugins are granted what they ask for beyond what they were
	// granted before: nil says yes to all of it, an error is returned by [Updater.Change]
	// and nothing is changed. It may be asked more than once for one change, each time for
	// other things. Nil: Change returns a [*ConsentError].
	Consent func(context.Context, []Ask) error
	// CheckConfig says what is wrong with a configuration of a plugin, whose form has been
	// checked: schema.Check of package config/schema, for example. Nil: nothing is.
	CheckConfig func(m *manifest.Manifest, text string) error
	// Probe is how long each new plugin may take to start and to say that it is well,
	// before a change that a running host makes is switched; see [Updater.Apply]. 0:
	// [DefaultProbe]; below 0: nothing is probed.
	Probe time.Duration
	// Watch is how long a generation is on trial when a host has started it or switched to
	// it. If within that time a plugin that is new in it ends by itself three times, or
	// for good, the host goes back to the last generation that ran well (the one before, if
	// none did), holds the release back and tells [Events.Returned]. It also does so when it
	// starts and three processes have ended within that time and not in good order, with
	// all that is new, and when a new plugin does not start. An orderly end passes the
	// trial. 0: [DefaultWatch]; below 0: nothing is watched. What is started is passed on to
	// [Updater.Observe].
	Watch  time.Duration
	Events Events

	turn     turn
	mu       sync.Mutex
	held     *install.Use // what runs; nil: nothing
	trial    *trial       // what is watched; nil: nothing
	watches  sync.WaitGroup
	life     context.Context // of the watches; nil: there is none
	end      context.CancelFunc
	degraded []degraded                   // optional plugins that did not start
	locals   map[manifest.ID]fetch.Source // of what is installed; nil for what is not from here
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
	// Step names what begins: "resolve"; "fetch", which verifies and unpacks what has
	// arrived; "install"; "probe", in a running host; "switch".
	Step func(name string)
	// Aside tells of an optional plugin that is set aside: it did not start, or not keep
	// running.
	Aside func(Aside)
	// Returned tells that the host went back to an older set by itself, or could not.
	Returned func(Returned)
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
	Asks    []string        `json:"asks,omitempty"`    // capabilities that it was not granted; see Plan.Asks
	Granted []string        `json:"granted,omitempty"` // capabilities that it was not granted before
	// Deprecated is what the owner of the plugin advises who installs or updates it.
	Deprecated *index.Deprecation `json:"deprecated,omitempty"`
}

// Plan is what would change, and why. Apply carries out exactly it.
type Plan struct {
	Lines    []Line
	Requests []resolve.Wish // the wishes after the change
	Lock     resolve.Lock   // the lock after the change
	Offline  bool           // carry it out without a network, or fail with fetch.ErrOffline
	Retry    bool           // install what is held back, too
	Events   Events         // besides those of the updater
	// CheckConfig is that of the change.
	CheckConfig func(m *manifest.Manifest, text string) error

	configs   []install.Config                      // that plugins get
	nameless  []manifest.Capability                 // granted to who turns out to ask for them
	came      map[manifest.ID][]manifest.Capability // what plugins of a lock ask for, once they were fetched
	base      *install.Generation
	solution  *resolve.Solution
	order     []resolve.Choice // of starting
	why       string
	platforms bool                       // that the lock is for become more
	lockFile  string                     // to write when it is done; "" for none
	text      []byte                     // what stands in it now
	whole     func(artifact.Digest) bool // whether the files of a payload are there
}

// Changes lists the lines that change something.
func (p *Plan) Changes() []Line {
	return slices.DeleteFunc(slices.Clone(p.Lines), func(l Line) bool { return l.Do == Keep && len(l.Granted) == 0 })
}

// Overrides lists the development overrides of the set that p changes. The caller does not
// change it.
func (p *Plan) Overrides() []install.Override { return p.base.Overrides }

// Empty reports whether carrying out p would change nothing, not even a wish.
func (p *Plan) Empty() bool {
	return p.sameSet() && !p.Writes()
}

// Writes reports whether the lock file would change.
func (p *Plan) Writes() bool { return p.lockFile != "" && !bytes.Equal(p.text, p.Lock.Text()) }

func sameWishes(a, b []resolve.Wish) bool {
	return slices.EqualFunc(a, b, func(a, b resolve.Wish) bool { return a.String() == b.String() && a.Pre == b.Pre })
}

// Plan resolves a change and judges the result by policy. It downloads index
// documents and no artifacts, and changes nothing.
func (u *Updater) Plan(ctx context.Context, c Change) (*Plan, error) {
	ix := u.openIndex(ctx, c)
	defer ix.Close()
	return u.plan(ctx, ix, c)
}

// openIndex opens the documents of the sources for one change. The caller closes it.
func (u *Updater) openIndex(ctx context.Context, c Change) *fetch.Index {
	o := u.Index
	o.Offline = o.Offline || c.Offline
	return fetch.OpenIndex(ctx, u.sources(), o)
}

func (u *Updater) plan(ctx context.Context, ix index.Index, c Change) (*Plan, error) {
	g, err := u.Dir.Active()
	if err != nil {
		return nil, err
	}
	u.locate(&g.Lock)
	from, err := base(g, c)
	if err != nil {
		return nil, err
	}
	if err := check(from, c); err != nil {
		return nil, err
	}
	p := &Plan{base: g, why: c.String(), whole: u.Dir.HasTree, Requests: c.requests(from), Offline: c.Offline, Retry: c.Retry, Events: c.Events}
	if c.Frozen {
		err = u.frozen(p, from)
	} else {
		err = u.solve(ctx, ix, p, from, c)
	}
	if err != nil {
		return nil, err
	}
	p.grants(c)
	if err := p.configure(c); err != nil {
		return nil, err
	}
	if err := u.finish(p); err != nil {
		return nil, err
	}
	if c.Frozen {
		return p, nil
	}
	return p, p.advise(ctx, ix)
}

// advise notes of what is new that its owner advises against it. The documents have been read.
func (p *Plan) advise(ctx context.Context, ix index.Index) error {
	for i := range p.Lines {
		l := &p.Lines[i]
		if l.Do == Keep || l.Do == Remove {
			continue
		}
		doc, err := ix.Plugin(ctx, l.ID)
		if err != nil {
			return err
		}
		l.Deprecated = doc.Deprecated
	}
	return nil
}

// finish orders the choices, judges them by policy and compares them with the base.
func (u *Updater) finish(p *Plan) (err error) {
	if p.order, err = p.solution.StartOrder(); err != nil {
		return err
	}
	if err := verify.Solution(u.Policy, p.solution, &p.base.Lock); err != nil {
		return err
	}
	if p.lockFile != "" {
		if p.text, err = os.ReadFile(p.lockFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	p.lines()
	return nil
}

// problem is the question that a change asks.
func (u *Updater) problem(g *install.Generation, from *resolve.Lock, c Change) resolve.Problem {
	p := resolve.Problem{
		Wishes: c.requests(from), Locked: from, Update: c.moves(), UpdateAll: c.UpdateAll, Keep: true,
		Host: u.Host, Platforms: c.platforms(from, u.Host.Platform), Policy: u.policy(g, c), Rules: c.Rules,
	}
	p.Rules.Pins = c.pins(from)
	p.Rules.Overrides = append(slices.Clone(from.Overrides), c.Rules.Overrides...)
	p.Rules.Pre = p.Rules.Pre || from.Pre
	if c.Latest {
		for i, w := range p.Wishes {
			if c.UpdateAll || slices.Contains(c.Update, w.ID) {
				p.Wishes[i].Range = version.Any
			}
		}
	}
	return p
}

// solve resolves a change and makes the lock of the answer.
func (u *Updater) solve(ctx context.Context, ix index.Index, p *Plan, from *resolve.Lock, c Change) (err error) {
	u.Events.and(c.Events).begins("resolve")
	question := u.problem(p.base, from, c)
	if err := follow(ctx, ix, c, p.Requests, question.Wishes); err != nil {
		return err
	}
	if p.solution, err = resolve.Solve(ctx, ix, question); err != nil {
		return err
	}
	if c.Latest {
		p.widen()
	}
	p.platforms = len(c.Platforms) > 0 && !slices.Equal(question.Platforms, p.base.Lock.Platforms)
	p.Lock = resolve.Lock{
		App: u.Host.App, Platforms: question.Platforms, Pre: question.Rules.Pre, Requests: p.Requests, Pins: question.Rules.Pins,
		Overrides: question.Rules.Overrides, Plugins: []resolve.Locked{},
	}
	if err := u.lock(p, from); err != nil {
		return err
	}
	p.lockFile = c.LockFile
	return nil
}

// follow looks what the channels stand for that wishes name: those that are new, and those
// that c updates. Others keep the range that they had. requests are the same wishes, as they
// are kept.
func follow(ctx context.Context, ix index.Index, c Change, requests, wishes []resolve.Wish) error {
	moves := c.moves()
	for i, w := range requests {
		if w.Channel == "" || !w.Range.IsAny() && !c.UpdateAll && !slices.Contains(moves, w.ID) {
			continue
		}
		doc, err := ix.Plugin(ctx, w.ID)
		if err != nil {
			return err
		}
		if requests[i], err = w.Follow(doc); err != nil {
			return err
		}
		wishes[i].Range = requests[i].Range
	}
	return nil
}

func containsAll[T comparable](all, some []T) bool {
	return !slices.ContainsFunc(some, func(x T) bool { return !slices.Contains(all, x) })
}

// widen turns the range of a request that the answer has left into "^" of it.
func (p *Plan) widen() {
	for i, w := range p.Requests {
		if c, ok := p.solution.Find(w.ID); ok && !w.Range.Has(c.Release.Version) {
			p.Requests[i].Range = version.MustParseRange("^" + c.Release.Version.String())
		}
	}
}

// lock fills in the plugins of the lock, sorted by id, and their sources. What a
// plugin was granted stays.
func (u *Updater) lock(p *Plan, from *resolve.Lock) error {
	choices := slices.Clone(p.solution.Choices)
	slices.SortFunc(choices, func(a, b resolve.Choice) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for _, c := range choices {
		src, err := u.sources().For(c.ID)
		if err != nil {
			return err
		}
		l := c.Locked(src.Identity())
		if old, ok := from.Find(c.ID); ok {
			l.Grants = old.Grants
			if old.Digest == l.Digest {
				l.Leaf = old.Leaf
			}
		}
		p.Lock.Plugins = append(p.Lock.Plugins, l)
		if !slices.ContainsFunc(p.Lock.Sources, func(s resolve.LockedSource) bool { return s.Root == l.Source }) {
			p.Lock.Sources = append(p.Lock.Sources, resolve.LockedSource{Name: sourceName(len(p.Lock.Sources)), URL: l.Source, Root: l.Source})
		}
	}
	return nil
}

func sourceName(n int) string {
	if n == 0 {
		return "default"
	}
	return fmt.Sprintf("source%d", n+1)
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
	p.sayGrants()
}

func (p *Plan) line(c resolve.Choice) Line {
	l := Line{ID: c.ID, Do: Install, To: c.Release.Version, Because: p.solution.Because(c.ID), Size: c.Package.Payload.Size, Runtime: c.Package.Runtime}
	if r, ok := p.base.Find(c.ID); ok {
		l.From = r.Manifest.Version
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
	return l
}

// unchanged reports whether c is installed as it is, with its files.
func (p *Plan) unchanged(c resolve.Choice, r install.Record) bool {
	locked, ok := p.base.Lock.Find(c.ID)
	return ok && locked.Digest == c.Release.Digest && r.Payload == c.Package.Payload.Digest && r.Runtime == c.Package.Runtime && p.whole(r.Payload)
}

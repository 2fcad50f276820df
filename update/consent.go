package update

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// ErrConsent is the class of [*ConsentError].
var ErrConsent = errors.New("consent is required")

// Ask is what a release asks to be allowed and nobody has granted to its plugin.
type Ask struct {
	ID           manifest.ID           `json:"id"`
	Version      version.Version       `json:"version"`
	From         version.Version       `json:"from,omitzero"` // that is installed; zero: none
	Capabilities []manifest.Capability `json:"capabilities"`
}

// ConsentError says that a change needs grants that nobody gave. Nothing was changed.
type ConsentError struct{ Asks []Ask }

// Error lists every capability, in words.
func (e *ConsentError) Error() string {
	var b strings.Builder
	b.WriteString(ErrConsent.Error())
	for _, a := range e.Asks {
		for _, c := range a.Capabilities {
			fmt.Fprintf(&b, "\n  %s %s: %s", a.ID, a.Version, c.Sentence())
		}
	}
	return b.String()
}

// Is reports whether target is [ErrConsent].
func (e *ConsentError) Is(target error) bool { return target == ErrConsent }

// Allow is a capability that somebody grants to a plugin.
type Allow struct {
	// ID is the plugin. "": the one plugin of the change that lacks it; if several do, none
	// gets it.
	ID         manifest.ID
	Capability manifest.Capability
}

// ParseAllow reads CAPABILITY or NAMESPACE/NAME:CAPABILITY. Errors wrap
// manifest.ErrSyntax.
func ParseAllow(s string) (Allow, error) {
	var a Allow
	if name, rest, _ := strings.Cut(s, ":"); strings.Contains(name, "/") { // no kind has a slash
		id, err := manifest.ParseID(name)
		if err != nil {
			return Allow{}, fmt.Errorf("allow %.200q: %w", s, err)
		}
		a.ID, s = id, rest
	}
	c, err := manifest.ParseCapability(s)
	if err != nil {
		return Allow{}, fmt.Errorf("allow: %w", err)
	}
	a.Capability = c
	return a, nil
}

// String returns the form that [ParseAllow] reads.
func (a Allow) String() string {
	if a.ID == "" {
		return string(a.Capability)
	}
	return string(a.ID) + ":" + string(a.Capability)
}

// AllowAll returns grants of everything that asks name.
func AllowAll(asks []Ask) []Allow {
	var out []Allow
	for _, a := range asks {
		for _, c := range a.Capabilities {
			out = append(out, Allow{a.ID, c})
		}
	}
	return out
}

// Asks lists what [Updater.Apply] would refuse p for, by id: what new releases ask for
// beyond what was granted. Of a plan that is made from a lock, it may be known only when
// the plugins have been fetched; Apply says so then.
func (p *Plan) Asks() []Ask {
	var out []Ask
	for i := range p.Lock.Plugins {
		l := &p.Lock.Plugins[i]
		if asked, known := p.asked(l.ID); known {
			out = p.ask(out, l, asked)
		}
	}
	return out
}

// ask adds what l lacks of asked to a list.
func (p *Plan) ask(out []Ask, l *resolve.Locked, asked []manifest.Capability) []Ask {
	if old, ok := p.base.Lock.Find(l.ID); ok && old.Digest == l.Digest {
		return out // it is installed as it is
	}
	missing := manifest.Missing(asked, l.Grants)
	if len(missing) == 0 {
		return out
	}
	a := Ask{ID: l.ID, Version: l.Version, Capabilities: missing}
	if r, ok := p.base.Find(l.ID); ok {
		a.From = r.Manifest.Version
	}
	return append(out, a)
}

// asked returns what the chosen release of a plugin asks for, if that is known before it is
// fetched.
func (p *Plan) asked(id manifest.ID) (list []manifest.Capability, known bool) {
	c, ok := p.solution.Find(id)
	if !ok {
		return nil, true
	}
	if !c.Frozen {
		return c.Release.Capabilities, true
	}
	if list, known := p.came[id]; known {
		return list, true
	}
	old, _ := p.base.Lock.Find(id)
	if r, ok := p.base.Find(id); ok && old.Digest == c.Release.Digest {
		return r.Manifest.Capabilities, true
	}
	return nil, false
}

// Allow grants capabilities to plugins of p, where they ask for them or it is not known yet
// whether they do. Those without a name come last, when it is known who asks.
func (p *Plan) Allow(list ...Allow) {
	for _, a := range list {
		if a.ID == "" {
			p.nameless = append(p.nameless, a.Capability)
		} else {
			p.allow(a.ID, a.Capability)
		}
	}
	if !slices.ContainsFunc(p.Lock.Plugins, func(l resolve.Locked) bool { _, known := p.asked(l.ID); return !known }) {
		for _, c := range p.nameless {
			p.allow(p.only(c), c)
		}
		p.nameless = nil
	}
	p.sayGrants()
}

// allow grants c to the plugin of id, if p has it.
func (p *Plan) allow(id manifest.ID, c manifest.Capability) {
	i := slices.IndexFunc(p.Lock.Plugins, func(l resolve.Locked) bool { return l.ID == id })
	if i >= 0 {
		p.grant(&p.Lock.Plugins[i], []manifest.Capability{c})
	}
}

// sayGrants writes into the lines what plugins ask for and what they are granted anew.
func (p *Plan) sayGrants() {
	for i := range p.Lines {
		line := &p.Lines[i]
		line.Asks, line.Granted = nil, nil
		l, ok := p.Lock.Find(line.ID)
		if !ok {
			continue
		}
		asked, _ := p.asked(line.ID)
		for _, a := range p.ask(nil, &l, asked) {
			line.Asks = texts(a.Capabilities)
		}
		old, _ := p.base.Lock.Find(line.ID)
		line.Granted = texts(manifest.Missing(l.Grants, old.Grants))
	}
}

func texts(list []manifest.Capability) (out []string) {
	for _, c := range list {
		out = append(out, string(c))
	}
	return out
}

// only returns the plugin that asks for what c covers, if there is one and no other. One that
// is installed as it is and runs without counts only if no other one asks.
func (p *Plan) only(c manifest.Capability) manifest.ID {
	var ask, without []manifest.ID
	for i := range p.Lock.Plugins {
		l := &p.Lock.Plugins[i]
		asked, _ := p.asked(l.ID)
		switch {
		case !slices.ContainsFunc(manifest.Missing(asked, l.Grants), c.Covers):
		case len(p.ask(nil, l, asked)) > 0:
			ask = append(ask, l.ID)
		default:
			without = append(without, l.ID)
		}
	}
	if ask == nil {
		ask = without
	}
	if len(ask) != 1 {
		return ""
	}
	return ask[0]
}

// grant gives l what it asks for of granted, besides what it has. The list of l is replaced,
// sorted.
func (p *Plan) grant(l *resolve.Locked, granted []manifest.Capability) {
	all := slices.Concat(l.Grants, granted)
	if asked, known := p.asked(l.ID); known {
		all = manifest.Granted(asked, all)
	}
	l.Grants = sorted(all)
}

// grants gives every plugin of p what it was granted where it is installed now, and what
// the change allows.
func (p *Plan) grants(c Change) {
	p.Lock.Plugins = slices.Clone(p.Lock.Plugins) // they may be those of the base
	for i := range p.Lock.Plugins {
		l := &p.Lock.Plugins[i]
		if asked, known := p.asked(l.ID); known {
			p.inherit(l, asked)
		}
	}
	p.Allow(c.Allow...)
}

// inherit gives l what it asks for of what it has, and of what was granted where it is
// installed now.
func (p *Plan) inherit(l *resolve.Locked, asked []manifest.Capability) {
	old, _ := p.base.Lock.Find(l.ID)
	l.Grants = sorted(manifest.Granted(asked, slices.Concat(l.Grants, old.Grants)))
}

// sorted sorts a list that nobody else has. An empty one becomes nil.
func sorted(list []manifest.Capability) []manifest.Capability {
	slices.Sort(list)
	if list = slices.Compact(list); len(list) == 0 {
		return nil
	}
	return list
}

// sameGrants reports whether p changes no grant of a plugin that is installed.
func (p *Plan) sameGrants() bool {
	return !slices.ContainsFunc(p.Lock.Plugins, func(l resolve.Locked) bool {
		old, ok := p.base.Lock.Find(l.ID)
		return ok && !slices.Equal(old.Grants, l.Grants)
	})
}

// consent makes sure that what is new was granted what it asks for. staged has what was
// fetched, too; before that it is nil.
func (p *Plan) consent(staged []install.Record) error {
	p.learn(staged)
	asks := p.Asks()
	if len(asks) == 0 {
		return nil
	}
	return &ConsentError{asks}
}

// learn takes what plugins ask for from what was fetched, where it was not known.
func (p *Plan) learn(staged []install.Record) {
	for _, r := range staged {
		i := slices.IndexFunc(p.Lock.Plugins, func(l resolve.Locked) bool { return l.ID == r.ID })
		if _, known := p.asked(r.ID); known || i < 0 {
			continue
		}
		if p.came == nil {
			p.came = map[manifest.ID][]manifest.Capability{}
		}
		p.came[r.ID] = r.Manifest.Capabilities
		p.inherit(&p.Lock.Plugins[i], r.Manifest.Capabilities)
	}
	p.Allow() // those without a name
}

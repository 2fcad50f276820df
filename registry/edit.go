package registry

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Edit is a change of what the index says of a plugin beside the records of its releases,
// which never change.
type Edit interface {
	// Plugin is what it is about.
	Plugin() manifest.ID
	// Apply changes p, which belongs to the caller, and reports whether anything changed. It is
	// how every backend makes the change, so that their bytes are equal. It returns ErrNotFound
	// for a release that does not exist, ErrRemoved for one that is gone, and what the
	// implementation says.
	Apply(p *index.Plugin) (changed bool, err error)
	// String is the text of the event.
	String() string
}

// Yank withdraws a release, or takes the withdrawal back.
type Yank struct {
	ID      manifest.ID
	Version version.Version
	Reason  string
	Undo    bool
}

// Plugin implements Edit.
func (y *Yank) Plugin() manifest.ID { return y.ID }

// String implements Edit.
func (y *Yank) String() string {
	return fmt.Sprintf("%s %s %s", verb("yank", y.Undo), y.ID, y.Version)
}

// Apply implements Edit.
func (y *Yank) Apply(p *index.Plugin) (changed bool, err error) {
	r, err := find(p, y.Version)
	if err != nil {
		return false, err
	}
	return set(&r.State.Yanked, y.Reason, y.Undo), nil
}

// Quarantine blocks releases that are unsafe, or frees them: nobody gets one, not even who has
// it installed. It is for those who run a registry.
type Quarantine struct {
	ID      manifest.ID
	Version *version.Version // nil: all that there are
	Reason  string
	Undo    bool
}

// Plugin implements Edit.
func (q *Quarantine) Plugin() manifest.ID { return q.ID }

// String implements Edit.
func (q *Quarantine) String() string {
	what := "*"
	if q.Version != nil {
		what = q.Version.String()
	}
	return fmt.Sprintf("%s %s %s", verb("quarantine", q.Undo), q.ID, what)
}

// Apply implements Edit.
func (q *Quarantine) Apply(p *index.Plugin) (changed bool, err error) {
	if q.Version != nil {
		r, err := find(p, *q.Version)
		if err != nil {
			return false, err
		}
		return set(&r.State.Blocked, q.Reason, q.Undo), nil
	}
	for i := range p.Releases {
		if s := &p.Releases[i].State; s.Removed == nil {
			changed = set(&s.Blocked, q.Reason, q.Undo) || changed
		}
	}
	return changed, nil
}

// Removal removes a release that should not have been published. Its number stays taken for
// ever, and its record stays in the index. Backends forget its manifest, and what nothing else
// names is collected. There is no way back.
type Removal struct {
	ID      manifest.ID
	Version version.Version
	Reason  string
	// Before is the time of a publication that is too old to be removed; zero: none is.
	Before time.Time
}

// Plugin implements Edit.
func (r *Removal) Plugin() manifest.ID { return r.ID }

// String implements Edit.
func (r *Removal) String() string { return fmt.Sprintf("remove %s %s", r.ID, r.Version) }

// Apply implements Edit. It returns [ErrTooLate] for a release that is too old.
func (r *Removal) Apply(p *index.Plugin) (changed bool, err error) {
	x, ok := p.Find(r.Version)
	switch {
	case !ok:
		return false, fmt.Errorf("release %s %s: %w", r.ID, r.Version, ErrNotFound)
	case x.State.Removed != nil:
		return false, nil
	case x.Time.Before(r.Before):
		return false, fmt.Errorf("%s %s was published at %s: %w", r.ID, r.Version, x.Time.UTC().Format(time.RFC3339), ErrTooLate)
	}
	x.State = index.State{Removed: &index.Yank{Reason: r.Reason}, Blocked: &index.Yank{Reason: "removed by its owner" + because(r.Reason)}}
	p.Channels = slices.DeleteFunc(slices.Clone(p.Channels), func(c index.Channel) bool { return c.Version == r.Version })
	return true, nil
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// Deprecation says that nobody should begin to use a plugin, or takes that back.
type Deprecation struct {
	ID manifest.ID
	index.Deprecation
	Undo bool
}

// Plugin implements Edit.
func (d *Deprecation) Plugin() manifest.ID { return d.ID }

// String implements Edit.
func (d *Deprecation) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", verb("deprecate", d.Undo), d.ID, d.Replacement))
}

// Apply implements Edit.
func (d *Deprecation) Apply(p *index.Plugin) (changed bool, err error) {
	if d.Undo {
		changed = p.Deprecated != nil
		p.Deprecated = nil
		return changed, nil
	}
	changed = p.Deprecated == nil || *p.Deprecated != d.Deprecation
	p.Deprecated = new(d.Deprecation)
	return changed, nil
}

// Channel lets a name stand for a release, or removes the name.
type Channel struct {
	ID      manifest.ID
	Name    string
	Version version.Version
	Undo    bool // the name is removed
}

// Plugin implements Edit.
func (c *Channel) Plugin() manifest.ID { return c.ID }

// String implements Edit.
func (c *Channel) String() string {
	if c.Undo {
		return fmt.Sprintf("unchannel %s %s", c.ID, c.Name)
	}
	return fmt.Sprintf("channel %s %s %s", c.ID, c.Name, c.Version)
}

// Apply implements Edit. It returns [ErrState] for a release that is withdrawn.
func (c *Channel) Apply(p *index.Plugin) (changed bool, err error) {
	list := slices.Clone(p.Channels)
	at, there := slices.BinarySearchFunc(list, c.Name, func(x index.Channel, name string) int { return cmp.Compare(x.Name, name) })
	switch {
	case c.Undo && !there:
		return false, nil
	case c.Undo:
		p.Channels = slices.Delete(list, at, at+1)
		return true, nil
	}
	r, err := find(p, c.Version)
	if err != nil {
		return false, err
	}
	if r.State != (index.State{}) {
		return false, fmt.Errorf("%s %s is withdrawn: %w", c.ID, c.Version, ErrState)
	}
	if there {
		changed = list[at].Version != c.Version
		list[at].Version = c.Version
	} else {
		list, changed = slices.Insert(list, at, index.Channel{Name: c.Name, Version: c.Version}), true
	}
	p.Channels = list
	return changed, nil
}

// find returns a release that is not removed.
func find(p *index.Plugin, v version.Version) (*index.Release, error) {
	r, ok := p.Find(v)
	if !ok {
		return nil, fmt.Errorf("release %s %s: %w", p.ID, v, ErrNotFound)
	}
	if r.State.Removed != nil {
		return nil, fmt.Errorf("release %s %s: %w", p.ID, v, ErrRemoved)
	}
	return r, nil
}

// set puts a reason in its place or takes it away, and reports whether that changes anything.
func set(place **index.Yank, reason string, undo bool) bool {
	old := *place
	if undo {
		*place = nil
		return old != nil
	}
	*place = &index.Yank{Reason: reason}
	return old == nil || old.Reason != reason
}

func verb(s string, undo bool) string {
	if undo {
		return "un" + s
	}
	return s
}

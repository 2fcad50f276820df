package update

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

// Outdated compares one installed plugin with its index.
type Outdated struct {
	ID        manifest.ID     `json:"id"`
	Installed version.Version `json:"installed"`
	Wanted    version.Version `json:"wanted"`          // what an update would choose
	Latest    version.Version `json:"latest,omitzero"` // the newest there is
	Yanked    string          `json:"yanked,omitempty"`
	WhyNot    string          `json:"whyNot,omitempty"` // what keeps the latest away
}

// Outdated lists every installed plugin with what an update would choose. It asks
// the sources and changes nothing.
func (u *Updater) Outdated(ctx context.Context) ([]Outdated, error) {
	p, err := u.Plan(ctx, Change{UpdateAll: true})
	if err != nil {
		return nil, err
	}
	out := []Outdated{}
	for _, r := range p.base.Records {
		o := Outdated{ID: r.ID, Installed: r.Manifest.Version, Wanted: r.Manifest.Version}
		if c, ok := p.solution.Find(r.ID); ok {
			o.Wanted = c.Release.Version
		}
		doc, err := u.Sources.Plugin(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		if rel, ok := doc.Find(o.Installed); ok && rel.State.Yanked != nil {
			o.Yanked = "yanked"
			if why := rel.State.Yanked.Reason; why != "" {
				o.Yanked = why
			}
		}
		if latest, ok := doc.Latest(); ok {
			o.Latest = latest.Version
			if o.Latest.Compare(o.Wanted) > 0 {
				o.WhyNot = u.whyNot(ctx, p, r.ID, latest)
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// whyNot asks for the latest version by name and returns why that fails.
func (u *Updater) whyNot(ctx context.Context, p *Plan, id manifest.ID, latest *index.Release) string {
	wishes := (&resolve.Lock{Requests: p.Requests}).With()
	wishes = append(wishes, resolve.Wish{ID: id, Range: version.Exact(latest.Version)})
	_, err := resolve.Solve(ctx, u.Sources, resolve.Problem{Wishes: wishes, Locked: &p.base.Lock, UpdateAll: true, Host: u.Host, Policy: u.Policy, NoSuggestions: true})
	if f, ok := errors.AsType[*resolve.Failure](err); ok {
		for _, fact := range f.Facts {
			if !strings.HasPrefix(fact, resolve.You+" ") {
				return fact // not the question itself
			}
		}
	}
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("another choice was better; ask for it with install %s@%s", id, latest.Version)
}

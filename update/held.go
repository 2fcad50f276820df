package update

import (
	"fmt"
	"strings"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// hold makes tx hold back the release of lock that did not start, if cause says that one
// did not.
func hold(tx *install.Tx, lock *resolve.Lock, cause error) bool {
	e, ok := blamed(cause)
	if !ok {
		return false
	}
	id := e.Image.Manifest.ID
	l, ok := lock.Find(id)
	if !ok {
		return false
	}
	tx.Hold(install.Held{ID: id, Version: l.Version, Digest: l.Digest, Why: shorten(e.Err.Error())})
	return true
}

// ran reports whether the release of lock that did not start is that of g, where it runs: what
// it was given is wrong then, not the release.
func ran(g *install.Generation, lock *resolve.Lock, cause error) bool {
	e, ok := blamed(cause)
	if !ok {
		return false
	}
	now, _ := lock.Find(e.Image.Manifest.ID)
	before, ok := g.Lock.Find(e.Image.Manifest.ID)
	return ok && now.Digest == before.Digest
}

// shorten cuts what a plugin says of itself.
func shorten(s string) string {
	const most = 500
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " …"
	}
	return s
}

// notHeld is a policy that refuses what is held back, too.
type notHeld struct {
	resolve.Policy
	g *install.Generation
}

// Admit implements resolve.Policy.
func (p notHeld) Admit(id manifest.ID, r *index.Release, locked bool) (string, bool) {
	if h, ok := p.g.HeldBack(r.Digest); ok && !locked {
		return fmt.Sprintf("held back since %s: it did not start (%s)", h.Since.Format("2006-01-02"), h.Why), false
	}
	return p.Policy.Admit(id, r, locked)
}

// checkHeld refuses a plan that installs what is held back: what came from a lock was
// not chosen by us.
func (p *Plan) checkHeld() error {
	if p.Retry {
		return nil
	}
	for _, c := range p.solution.Choices {
		r, installed := p.base.Find(c.ID)
		if h, ok := p.base.HeldBack(c.Release.Digest); ok && !(installed && p.unchanged(c, r)) {
			return fmt.Errorf("%s %s: %w since %s: it did not start (%s)", h.ID, h.Version, ErrHeld, h.Since.Format("2006-01-02"), h.Why)
		}
	}
	return nil
}

// policy returns what decides which releases a change may choose.
func (u *Updater) policy(g *install.Generation, c Change) resolve.Policy {
	if len(g.Held) == 0 || c.Retry {
		return u.Policy
	}
	return notHeld{u.Policy, g}
}

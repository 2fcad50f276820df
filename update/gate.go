package update

import (
	"context"
	"errors"
	"fmt"

	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/supervise"
)

// errOvertaken says that there is nothing to go back from any more.
var errOvertaken = errors.New("the set has changed meanwhile")

// Returned tells that a host went back to an older set by itself.
type Returned struct {
	From int // generation that did not run well
	To   int // the one that was made in its place, or 0 because of Err
	Like int // the one that To repeats
	Held []install.Held
	Why  error // what was wrong with From
	Err  error // why it could not go back; nil if it did
}

// gate goes back if g does not start because of a plugin that is new in it: nobody who
// installed it ran it. It reports whether it did.
func (u *Updater) gate(ctx context.Context, g *install.Generation, cause error) bool {
	e, ok := blamed(cause)
	if !ok || ctx.Err() != nil {
		return false
	}
	t := u.news(g)
	if t == nil || t.back == nil {
		return false
	}
	r, ok := t.find(e.Image.Manifest.ID)
	if !ok {
		return false
	}
	_, err := u.goBack(ctx, t, []install.Record{r}, cause)
	return err == nil || errors.Is(err, errOvertaken) // then another set is to be started
}

// crashLoop goes back if too many processes that ran g on trial ended without a word. It
// reports whether it did.
func (u *Updater) crashLoop(ctx context.Context, g *install.Generation) bool {
	t := u.news(g)
	if t == nil || t.back == nil || len(t.fresh) == 0 || len(g.Overrides) > 0 { // an override may be to blame
		return false
	}
	n, err := u.Dir.UncleanEnds(ctx, g.Number)
	if err != nil || n < maxUnclean {
		return false // what cannot be read keeps nobody from starting
	}
	why := fmt.Errorf("the application ended %d times within %s of starting it", n, u.window())
	_, err = u.goBack(ctx, t, t.fresh, why)
	return err == nil || errors.Is(err, errOvertaken)
}

// blamed returns what did not start, if that says something about its release. Whoever
// gave up waiting, lacks a secret, or found the files changed, says nothing about it, and an override is of
// no release.
func blamed(cause error) (*supervise.StartError, bool) {
	e, ok := errors.AsType[*supervise.StartError](cause)
	if !ok || overrides(e.Image) || errors.Is(cause, context.Canceled) || errors.Is(cause, config.ErrSecret) || errors.Is(cause, config.ErrForm) || errors.Is(cause, install.ErrTampered) || errors.Is(cause, install.ErrBroken) {
		return nil, false
	}
	return e, true
}

// goBack makes a generation in which what was before t is active again, but for what was
// decided since, and bad is held back.
func (u *Updater) goBack(ctx context.Context, t *trial, bad []install.Record, why error) (*install.Generation, error) {
	r := Returned{From: t.number, Like: t.back.Number, Why: why}
	g, err := u.commitBack(ctx, t, bad, &r)
	r.Err = err
	if err == nil {
		r.To = g.Number
		_ = u.Dir.Prove(ctx, g.Number) // nobody goes back twice
	}
	u.tell(r)
	return g, err
}

func (u *Updater) commitBack(ctx context.Context, t *trial, bad []install.Record, r *Returned) (*install.Generation, error) {
	tx, err := u.Dir.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Abort()
	if tx.Base.Number != t.active {
		return nil, fmt.Errorf("%w: generation %d is active", errOvertaken, tx.Base.Number)
	}
	for _, r := range t.back.Records {
		if !u.Dir.HasTree(r.Payload) {
			return nil, fmt.Errorf("generation %d: %w: files of %s are gone", t.back.Number, install.ErrBroken, r.ID)
		}
	}
	tx.Return(t.back)
	lock, err := u.keepSince(tx, t.back)
	if err != nil {
		return nil, err
	}
	for _, b := range bad {
		if l, ok := tx.Base.Lock.Find(b.ID); ok {
			h := install.Held{ID: b.ID, Version: l.Version, Digest: l.Digest, Why: shorten(r.Why.Error())}
			tx.Hold(h)
			r.Held = append(r.Held, h)
		}
	}
	return tx.Commit(lock, fmt.Sprintf("went back to generation %d: %s", t.back.Number, shorten(r.Why.Error())))
}

func (u *Updater) tell(r Returned) {
	if u.Events.Returned != nil {
		u.Events.Returned(r)
	}
}

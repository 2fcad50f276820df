package update

import (
	"context"
	"errors"
	"fmt"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/supervise"
)

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
	if t == nil || t.back == nil || len(t.fresh) == 0 {
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
// gave up waiting, or found the files changed, says nothing about it.
func blamed(cause error) (*supervise.StartError, bool) {
	e, ok := errors.AsType[*supervise.StartError](cause)
	if !ok || errors.Is(cause, context.Canceled) || errors.Is(cause, install.ErrTampered) || errors.Is(cause, install.ErrBroken) {
		return nil, false
	}
	return e, true
}

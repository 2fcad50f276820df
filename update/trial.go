package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
)

// A generation is on trial while a host runs it that did not run it for [Updater.Watch]
// before. What it has that the last proven one has not is watched.

// DefaultWatch is how long a new generation is on trial.
const DefaultWatch = time.Minute

const (
	// maxCrashes is how often a new plugin may end by itself within the trial.
	maxCrashes = 3
	// maxUnclean is how many processes may end without a word in the trial of one
	// generation: more than the one or two that somebody kills.
	maxUnclean = 3
)

// trial is a generation on trial. The mutex of the updater guards it.
type trial struct {
	number  int                 // the generation
	active  int                 // the newest one that is equal to it
	back    *install.Generation // where to go back to; nil: nowhere
	fresh   []install.Record    // enabled, and not so in back
	mark    *install.Trial      // nil if there is none
	crashes map[manifest.ID]int
	failed  chan supervise.Change
	stop    context.CancelFunc // nil: it is not watched yet
}

func (t *trial) find(id manifest.ID) (install.Record, bool) {
	i := slices.IndexFunc(t.fresh, func(r install.Record) bool { return r.ID == id })
	if i < 0 {
		return install.Record{}, false
	}
	return t.fresh[i], true
}

func (u *Updater) window() time.Duration {
	if u.Watch == 0 {
		return DefaultWatch
	}
	return u.Watch
}

// news returns a trial for g, or nil if it is known to run well.
func (u *Updater) news(g *install.Generation) *trial {
	proven := u.Dir.Proven()
	if u.Watch < 0 || g.Number == 0 || proven == g.Number {
		return nil
	}
	t := &trial{number: g.Number, active: g.Number, crashes: map[manifest.ID]int{}, failed: make(chan supervise.Change, 8)}
	var err error
	if proven > 0 && proven < g.Number {
		t.back, err = u.Dir.Generation(proven)
	}
	if t.back == nil || err != nil {
		if t.back, err = u.Dir.Before(g); err != nil {
			t.back = nil
		}
	}
	t.fresh = fresh(g, t.back)
	return t
}

// fresh lists what g starts and back does not, in start order.
func fresh(g, back *install.Generation) (out []install.Record) {
	for _, r := range g.Records {
		if !starts(g, r.ID) {
			continue
		}
		if back != nil && starts(back, r.ID) {
			now, _ := g.Lock.Find(r.ID)
			before, _ := back.Lock.Find(r.ID)
			if was, ok := back.Find(r.ID); ok && was.Payload == r.Payload && was.Runtime == r.Runtime && now.Digest == before.Digest {
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// starts reports whether g starts the installed plugin of id.
func starts(g *install.Generation, id manifest.ID) bool {
	_, overridden := g.Override(id)
	return !overridden && !slices.Contains(g.Disabled, id)
}

// putOnTrial is called before g runs. Its result goes to [Updater.onTrial] when it does,
// to [Updater.offTrial] if it does not.
func (u *Updater) putOnTrial(ctx context.Context, g *install.Generation) (now, before *trial) {
	u.mu.Lock()
	before = u.trial
	u.mu.Unlock()
	if before != nil && before.number == g.Number {
		return before, before
	}
	now = u.news(g)
	switch {
	case now == nil:
	case len(now.fresh) == 0: // it has nothing that did not run well before
		_ = u.Dir.Prove(ctx, g.Number) // otherwise that is found out again
		now = nil
	case now.back != nil:
		// A folder that cannot be written gets no mark: then nobody finds out that the
		// host was killed.
		now.mark, _ = u.Dir.BeginTrial(ctx, g.Number)
	}
	u.mu.Lock()
	u.trial = now // what ends while it starts counts
	u.mu.Unlock()
	return now, before
}

// offTrial is called when what was put on trial does not run, but what did before.
func (u *Updater) offTrial(now, before *trial) {
	u.mu.Lock()
	if u.trial == now {
		u.trial = before
	}
	u.mu.Unlock()
	if now != nil && now != before {
		_ = now.mark.End(context.Background())
	}
}

// onTrial is called when now runs in place of before.
func (u *Updater) onTrial(set *supervise.Set, now, before *trial) {
	if before != nil && before != now {
		u.cancel(before)
		_ = before.mark.End(context.Background())
	}
	if now == nil {
		return
	}
	u.mu.Lock()
	if now.stop != nil {
		u.mu.Unlock()
		return
	}
	if u.life == nil {
		u.life, u.end = context.WithCancel(context.Background())
	}
	life := u.life
	var ctx context.Context
	ctx, now.stop = context.WithCancel(life)
	u.mu.Unlock()
	u.watches.Go(func() { u.watch(ctx, life, set, now) })
}

// cancel ends the watch of t.
func (u *Updater) cancel(t *trial) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if t.stop != nil {
		t.stop()
	}
}

// watch waits until the window has passed. ctx ends when something else runs, life when
// nothing does.
func (u *Updater) watch(ctx, life context.Context, set *supervise.Set, t *trial) {
	timer := time.NewTimer(u.window())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-t.failed:
			u.react(life, set, t, c)
		case <-timer.C:
			u.pass(t)
			return
		}
	}
}

// pass ends a trial: it ran well.
func (u *Updater) pass(t *trial) {
	u.mu.Lock()
	current := u.trial == t
	if current {
		u.trial = nil
	}
	u.mu.Unlock()
	if !current {
		return
	}
	u.cancel(t)
	// If this is not written the trial is held again.
	_ = errors.Join(t.mark.End(context.Background()), u.Dir.Prove(context.Background(), t.active))
}

// Observe takes what happens to running plugins: the caller passes on what
// supervise.Events.Changed tells. It returns at once. When a plugin that is new in a
// generation on trial ends by itself three times, or for good, an optional one is set
// aside, for another one the host goes back; see [Updater.Watch].
func (u *Updater) Observe(c supervise.Change) {
	if c.State != supervise.Restarting && c.State != supervise.Failed {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.trial
	if t == nil {
		return
	}
	if _, ok := t.find(c.ID); !ok {
		return // it ended in the set before as well, or would have
	}
	t.crashes[c.ID]++
	if c.State != supervise.Failed && t.crashes[c.ID] < maxCrashes {
		return
	}
	select {
	case t.failed <- c:
	default: // enough is known
	}
}

// react deals with a plugin that does not keep running.
func (u *Updater) react(ctx context.Context, set *supervise.Set, t *trial, c supervise.Change) {
	done, err := u.turn.take(ctx)
	if err != nil {
		return
	}
	defer done()
	u.mu.Lock()
	current := u.trial == t
	u.mu.Unlock()
	r, _ := t.find(c.ID)
	why := fmt.Errorf("%s %s does not keep running: %w", r.ID, r.Manifest.Version, c.Err)
	switch {
	case !current:
	case u.Optional != nil && u.Optional(c.ID):
		if u.setAside(u.image(r), why) {
			_ = u.run(ctx, set, t.number) // if another one does not start now, all stays as it is
		}
	case t.back != nil:
		g, err := u.goBack(ctx, t, []install.Record{r}, why)
		if err != nil {
			return
		}
		if err := u.run(ctx, set, g.Number); err != nil && ctx.Err() == nil {
			u.tell(Returned{From: t.number, Like: t.back.Number, Why: why, Err: err})
		}
	}
}

// endTrial ends what is on trial when nothing runs any more. Who ends in good order ran
// well, however short, if no new plugin ended by itself.
func (u *Updater) endTrial() {
	u.mu.Lock()
	t, end := u.trial, u.end
	u.life, u.end = nil, nil
	u.mu.Unlock()
	if end != nil {
		end()
	}
	u.watches.Wait()
	if t == nil {
		return
	}
	u.mu.Lock()
	well := len(t.crashes) == 0
	if !well && u.trial == t {
		u.trial = nil
	}
	u.mu.Unlock()
	if well {
		u.pass(t)
	}
	_ = t.mark.End(context.Background()) // otherwise it counts as one that was killed
}

// equals says that generation n is equal to the one with number was, which runs.
func (u *Updater) equals(was, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.trial != nil && u.trial.active == was {
		u.trial.active = n
	}
}

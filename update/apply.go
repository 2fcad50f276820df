package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/verify"
)

// Apply carries out a plan: it fetches, verifies, unpacks and prepares what is new,
// then switches the installed set at one instant, then swaps the running plugins.
// On an error before the switch the old set stays; if a plugin does not start
// after it, the old set is made active again and keeps running.
//
// If there are running plugins, new ones are probed before the switch: each is started
// from its files with an empty private folder that is thrown away, must say that it is well
// and is stopped again. If one is not well Apply returns its *supervise.StartError and holds
// the release back; an optional one is set aside instead, see [Updater.Aside]. Without
// running plugins no code of a plugin is run.
//
// Apply returns a [*manifest.MethodsError] if a release lacks methods that the application
// requires, a [*ConfigError] if one does not take what its plugin is configured with, and a [*ConsentError] if plugins ask for more than they were granted, before
// anything of them is started, and
// [ErrStale] if the set changed since the plan was made; plan again then.
func (u *Updater) Apply(ctx context.Context, p *Plan) (*install.Generation, error) {
	return u.ApplyWithin(ctx, p, 0)
}

// ApplyWithin is Apply that waits at most so long for another process to finish its
// change, then fails with install.ErrBusy. 0 waits as long as ctx.
func (u *Updater) ApplyWithin(ctx context.Context, p *Plan, wait time.Duration) (*install.Generation, error) {
	if p.Empty() {
		return p.base, nil
	}
	if err := p.consent(nil); err != nil {
		return nil, err
	}
	g := p.base
	if p.Writes() { // say so before anything is changed
		if _, err := resolve.ParseLock(p.Lock.Text()); err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
	}
	tx, done, err := u.begin(ctx, wait)
	if err != nil {
		return nil, err
	}
	defer done()
	defer tx.Abort()
	if tx.Base.Number != p.base.Number {
		return nil, fmt.Errorf("apply: %w: it was generation %d and is %d", ErrStale, p.base.Number, tx.Base.Number)
	}
	if !p.sameSet() {
		if g, err = u.stage(ctx, tx, p); err != nil {
			return nil, err
		}
		if g, err = u.swap(ctx, p.base, g, p.configured()...); err != nil {
			return nil, err
		}
	}
	if p.Writes() {
		if err := WriteLock(p.lockFile, &p.Lock); err != nil {
			return g, err
		}
	}
	return g, nil
}

// begin takes the turn in this process, which done gives back, then the lock of the
// folder.
func (u *Updater) begin(ctx context.Context, wait time.Duration) (tx *install.Tx, done func(), err error) {
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	if done, err = u.turn.take(ctx); err != nil {
		return nil, nil, err
	}
	if tx, err = u.Dir.Begin(ctx); err != nil {
		done()
		return nil, nil, err
	}
	return tx, done, nil
}

// turn lets one change after the other switch and swap, so that what runs never
// falls behind what is active. Its zero value is free.
type turn struct {
	once  sync.Once
	taken chan struct{}
}

// take waits for the turn until ctx ends; done gives it back.
func (t *turn) take(ctx context.Context) (done func(), err error) {
	t.once.Do(func() { t.taken = make(chan struct{}, 1) })
	select {
	case t.taken <- struct{}{}:
		return func() { <-t.taken }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("another change is under way: %w (%w)", install.ErrBusy, ctx.Err())
	}
}

// Change plans and applies, again if another process was faster. What plugins ask for and
// c does not allow is put to [Updater.Consent].
func (u *Updater) Change(ctx context.Context, c Change) (*Plan, *install.Generation, error) {
	for {
		p, err := u.Plan(ctx, c)
		if err != nil {
			return nil, nil, err
		}
		g, err := u.Apply(ctx, p)
		if e, ok := errors.AsType[*ConsentError](err); ok && u.Consent != nil {
			if err := u.Consent(ctx, e.Asks); err != nil {
				return p, nil, fmt.Errorf("%w: %w", err, e)
			}
			c.Allow = append(slices.Clone(c.Allow), AllowAll(e.Asks)...)
			continue
		}
		if !errors.Is(err, ErrStale) {
			return p, g, err
		}
	}
}

// stage does everything up to the switch.
func (u *Updater) stage(ctx context.Context, tx *install.Tx, p *Plan) (*install.Generation, error) {
	st, err := disk.OpenCache(u.Blobs)
	if err != nil {
		return nil, err
	}
	if err := st.Sweep(); err != nil { // safe: tx holds the lock of all writers
		return nil, err
	}
	if err := p.checkHeld(); err != nil {
		return nil, err
	}
	tell := u.Events.and(p.Events)
	tell.begins("fetch")
	var wanted []resolve.Choice
	for _, c := range p.solution.Choices {
		if r, ok := p.base.Find(c.ID); !ok || !p.unchanged(c, r) {
			wanted = append(wanted, c)
		}
	}
	arrived := arrivals{u: u, tx: tx, verified: map[manifest.ID]verify.Verified{}}
	fetched, err := fetch.Fetch(ctx, u.sources(), st, wanted, fetch.Options{
		Have: u.Dir.HasTree, Each: arrived.take, Offline: p.Offline || u.Index.Offline, Events: tell.Fetch,
	})
	if err != nil {
		return nil, err
	}
	tell.begins("install")
	if err := u.add(ctx, tx, st, p, arrived.verified); err != nil {
		return nil, err
	}
	if err := p.consent(tx.Staged(p.Lock).Records); err != nil {
		return nil, err
	}
	if err := u.configureStaged(tx, p); err != nil {
		return nil, err
	}
	for _, c := range wanted {
		tx.Free(c.Release.Digest)
	}
	if err := u.probe(ctx, tx, p, tell); err != nil {
		return nil, err
	}
	tell.begins("switch")
	g, err := tx.Commit(p.Lock, p.why)
	if err != nil {
		return nil, err
	}
	for _, f := range fetched {
		// The tree has the bytes now. A payload that stays costs space and harms
		// nothing, so an error here is no error of the change.
		_ = st.Remove(f.Package.Payload)
	}
	return g, nil
}

// arrivals verifies and unpacks plugins while others still arrive.
type arrivals struct {
	u        *Updater
	tx       *install.Tx
	mu       sync.Mutex
	verified map[manifest.ID]verify.Verified
}

func (a *arrivals) take(ctx context.Context, f fetch.Fetched) error {
	v, err := verify.Fetched(a.u.Policy, f)
	if err != nil {
		return err
	}
	if err := f.Image.Manifest.Fits(a.u.Host.Methods); err != nil {
		return err
	}
	if f.Payload != nil {
		if err := a.tx.Unpack(ctx, f.Payload, v); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.verified[f.Choice.ID] = v
	return nil
}

// sameSet reports whether p leaves the installed set, its wishes included, as it is.
func (p *Plan) sameSet() bool {
	return len(p.Changes()) == 0 && sameWishes(p.Requests, p.base.Lock.Requests) &&
		slices.Equal(p.Lock.Pins, p.base.Lock.Pins) && !p.platforms && p.sameGrants() && p.sameConfigs()
}

// add unpacks what is new and keeps what is not.
func (u *Updater) add(ctx context.Context, tx *install.Tx, b artifact.Blobs, p *Plan, verified map[manifest.ID]verify.Verified) error {
	for _, c := range p.order {
		v, isNew := verified[c.ID]
		if !isNew {
			r, _ := p.base.Find(c.ID)
			tx.Keep(r)
			continue
		}
		r, err := tx.Add(ctx, b, v)
		if err != nil {
			return err
		}
		if u.Prepare != nil {
			if err := u.Prepare(ctx, u.image(r)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Rollback makes a new generation equal to generation to (0: the one before) and
// swaps the running plugins. It touches no network.
func (u *Updater) Rollback(ctx context.Context, to int) (*install.Generation, error) {
	done, err := u.turn.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	before, err := u.Dir.Active()
	if err != nil {
		return nil, err
	}
	g, err := u.Dir.Rollback(ctx, to)
	if err != nil {
		return nil, err
	}
	return u.swap(ctx, before, g)
}

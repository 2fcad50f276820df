package update

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
)

// swap makes what runs equal to g, which is active; if that fails, before becomes
// active again. The plugins of must are not set aside, even if they are optional.
func (u *Updater) swap(ctx context.Context, before, g *install.Generation, must ...manifest.ID) (*install.Generation, error) {
	set := u.running()
	if set == nil {
		return g, nil
	}
	for {
		err := u.run(ctx, set, g.Number)
		switch {
		case err == nil:
			return g, nil
		case blames(err, must) || !u.degrade(ctx, err):
			return nil, u.revert(ctx, before, g, err)
		}
	}
}

// blames reports whether one of ids did not start because of err.
func blames(err error, ids []manifest.ID) bool {
	e, ok := errors.AsType[*supervise.StartError](err)
	return ok && slices.Contains(ids, e.Image.Manifest.ID)
}

// Start makes set run the active generation, holds it (see install.Dir.Use) and returns
// it. It touches no network. An optional plugin that does not start is set aside, with
// those that need it; see [Updater.Aside]. If another one does not start that is new since
// the last set that ran well, that set is made active again and started; see
// [Updater.Watch]. The caller ends with [Updater.Release].
func (u *Updater) Start(ctx context.Context, set *supervise.Set) (*install.Generation, error) {
	for {
		use, err := u.Dir.Use()
		if err != nil {
			return nil, err
		}
		if u.crashLoop(ctx, use.Generation) {
			if err := use.Release(); err != nil {
				return nil, err
			}
			continue
		}
		err = u.sync(ctx, set, use)
		if err == nil || !u.degrade(ctx, err) && !u.gate(ctx, use.Generation, err) {
			return use.Generation, err
		}
	}
}

// run makes set run generation n.
func (u *Updater) run(ctx context.Context, set *supervise.Set, n int) error {
	use, err := u.Dir.UseOf(n)
	if err != nil {
		return err
	}
	return u.sync(ctx, set, use)
}

// sync makes set run what use holds, and lets go what ran before.
func (u *Updater) sync(ctx context.Context, set *supervise.Set, use *install.Use) error {
	now, before := u.putOnTrial(ctx, use.Generation)
	if err := set.Sync(ctx, u.Images(use.Generation)); err != nil {
		u.offTrial(now, before)
		return errors.Join(err, use.Release())
	}
	u.onTrial(set, now, before)
	u.mu.Lock()
	old := u.held
	u.held = use
	u.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.Release()
}

// Release ends a trial (see [Updater.Watch]) and lets the generation go that [Updater.Start] and changes held: its plugins run
// no more.
func (u *Updater) Release() error {
	u.endTrial()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.held == nil {
		return nil
	}
	use := u.held
	u.held = nil
	return use.Release()
}

// revert makes base active again after g did not start because of cause. If another
// process has changed the set since, its change stays.
func (u *Updater) revert(ctx context.Context, base, g *install.Generation, cause error) error {
	ctx = context.WithoutCancel(ctx)
	tx, err := u.Dir.Begin(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	defer tx.Abort()
	if tx.Base.Number != g.Number {
		return errors.Join(cause, fmt.Errorf("not reverted: another process made generation %d meanwhile", tx.Base.Number))
	}
	tx.Return(base)
	if !ran(base, &g.Lock, cause) {
		hold(tx, &g.Lock, cause)
	}
	back, err := tx.Commit(base.Lock, fmt.Sprintf("reverted to generation %d: %v", base.Number, cause))
	if err == nil {
		u.equals(base.Number, back.Number)
	}
	return errors.Join(cause, err)
}

// Images makes what load starts out of what is installed and of development overrides, in
// start order, without what [Updater.Aside] lists.
func (u *Updater) Images(g *install.Generation) []load.Image { return u.look(g).images() }

// devImage is the image of an override. It has the data of the installed plugin if both
// have the same state.version, otherwise a folder of its own. Who overrides trusts the
// folder: it is granted what its plugin.yaml asks for.
func (u *Updater) devImage(g *install.Generation, o *Override) load.Image {
	im := load.Image{Manifest: o.Manifest, Runtime: o.Runtime, Tree: o.Dir, Stamp: o.stamp, Grants: o.Manifest.Capabilities, Config: g.Config(o.ID)}
	if r, ok := g.Find(o.ID); ok && r.Manifest.State.Version == o.Manifest.State.Version {
		im.Data, im.MakeData = u.Dir.DataPath(r), func(ctx context.Context) error { return u.Dir.MakeData(ctx, r) }
		return im
	}
	im.Data, im.MakeData = u.Dir.DevDataPath(o.ID), func(context.Context) error { return u.Dir.MakeDevData(o.ID) }
	return im
}

func (u *Updater) image(r install.Record) load.Image {
	return load.Image{
		Manifest: r.Manifest, Runtime: r.Runtime, Tree: r.Tree, Digest: string(r.Payload), Cache: u.Dir.CacheDir(),
		Check: func(ctx context.Context) error { return u.Dir.Check(ctx, r) },
		Data:  u.Dir.DataPath(r), MakeData: func(ctx context.Context) error { return u.Dir.MakeData(ctx, r) },
	}
}

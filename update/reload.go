package update

import (
	"context"
	"fmt"
	"slices"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// Reload starts the development override of a plugin from its folder as it is now and swaps
// it in for what runs under that id, without losing a call. Other plugins stay as they are.
// After an error what ran before goes on running: unlike a change of the installed set, this
// sets nothing aside.
//
// It returns [ErrNotInstalled] for a plugin that is not overridden, an [*OverrideError] for a
// folder that cannot run, and the error of the start, for example a *supervise.StartError.
// If plugins do not run, it only looks at the folder.
func (u *Updater) Reload(ctx context.Context, id manifest.ID) error {
	g, err := u.Dir.Active()
	if err != nil {
		return err
	}
	v := u.look(g)
	o := v.find(id)
	if o == nil {
		return fmt.Errorf("reload %s: %w", id, ErrNotInstalled)
	}
	if o.Err != nil {
		return o.Err
	}
	images := v.images()
	i := slices.IndexFunc(images, func(im load.Image) bool { return im.Manifest.ID == id })
	if i < 0 {
		return fmt.Errorf("reload %s: %w", id, u.asideOf(g, id))
	}
	set := u.running()
	if set == nil {
		return nil
	}
	_, err = set.Put(ctx, images[i])
	return err
}

// asideOf says why a plugin is set aside.
func (u *Updater) asideOf(g *install.Generation, id manifest.ID) error {
	for _, a := range u.Aside(g) {
		if a.ID == id {
			return a.Why
		}
	}
	return ErrNotInstalled
}

package plugstead

import (
	"context"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
)

// Install installs plugins, each written "namespace/name" or "namespace/name@range",
// with everything they require. If the host is started they run when it returns.
func (h *Host) Install(ctx context.Context, wishes ...string) error {
	var c Change
	for _, s := range wishes {
		w, err := resolve.ParseWish(s)
		if err != nil {
			return err
		}
		c.Install = append(c.Install, w)
	}
	return h.change(ctx, c)
}

// Uninstall removes plugins and what only they required. Their private folders stay; see
// [Host.Purge]. Of plugins that are overridden only the overrides end, so that what is
// installed runs again; those may be named by "path:" and their folder, too. It returns
// [ErrMixed] if only some of ids are overridden.
func (h *Host) Uninstall(ctx context.Context, ids ...string) error {
	if over, err := h.Overridden(ids...); err != nil {
		return err
	} else if over {
		return h.EndOverrides(ctx, 0, ids...)
	}
	list, err := parseIDs(ids)
	if err != nil {
		return err
	}
	return h.change(ctx, Change{Uninstall: list})
}

// Purge removes all private data of plugins that are not installed any more. It returns
// install.ErrInstalled for one that is, and install.ErrRunning for one that another host
// still runs.
func (h *Host) Purge(ctx context.Context, ids ...string) error {
	list, err := parseIDs(ids)
	if err != nil {
		return err
	}
	return h.up.Purge(ctx, list...)
}

// HasData reports whether there is private data of a plugin, installed or not.
func (h *Host) HasData(id manifest.ID) (bool, error) { return h.dir.HasData(id) }

// Update moves plugins, or all if none is named, to the newest versions that fit. A
// running plugin is swapped without losing a call. Like Install it returns
// update.ErrOverridden if there are development overrides and this is continuous
// integration.
func (h *Host) Update(ctx context.Context, ids ...string) error {
	list, err := parseIDs(ids)
	if err != nil {
		return err
	}
	return h.change(ctx, Change{Update: list, UpdateAll: len(list) == 0})
}

func parseIDs(names []string) ([]manifest.ID, error) {
	var out []manifest.ID
	for _, s := range names {
		id, err := manifest.ParseID(s)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// Disable keeps plugins from being started, without removing them; see
// update.Updater.Disable. If the host is started they are stopped when it returns.
func (h *Host) Disable(ctx context.Context, ids ...string) error {
	list, err := parseIDs(ids)
	if err != nil {
		return err
	}
	_, err = h.up.Disable(ctx, list...)
	return err
}

// Enable undoes [Host.Disable]; see update.Updater.Enable. If the host is started the
// plugins run when it returns.
func (h *Host) Enable(ctx context.Context, ids ...string) error {
	list, err := parseIDs(ids)
	if err != nil {
		return err
	}
	_, err = h.up.Enable(ctx, list...)
	return err
}

// Configure gives an installed plugin a configuration, the text of a JSON object in which
// secrets are references; see package config and update.Updater.Configure. "" takes away what
// it had. If the host is started the plugin runs with it when Configure returns, or with what
// it had after an error.
func (h *Host) Configure(ctx context.Context, id, text string) error {
	list, err := parseIDs([]string{id})
	if err != nil {
		return err
	}
	_, err = h.up.Configure(ctx, list[0], text)
	return err
}

// ConfigureFrom is [Host.Configure] for text that was made out of before. It returns
// update.ErrStale if the plugin is configured in another way by now.
func (h *Host) ConfigureFrom(ctx context.Context, id, before, text string) error {
	list, err := parseIDs([]string{id})
	if err != nil {
		return err
	}
	_, err = h.up.ConfigureFrom(ctx, list[0], before, text)
	return err
}

package plugstead

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
)

// EnvCI is the environment variable that systems of continuous integration set. Empty, "0"
// and "false" mean that it is not set.
const EnvCI = "CI"

// Override makes plugin folders run in place of the installed plugins of their ids, or
// besides what is installed; see update.Updater.Override. Each is the path of a folder with
// a plugin.yaml. If the host is started they run when it returns; one that does not start
// is no error, see [Host.Overrides]. It returns update.ErrOverridden under continuous
// integration.
func (h *Host) Override(ctx context.Context, dirs ...string) error {
	return h.OverrideWithin(ctx, 0, dirs...)
}

// OverrideWithin is Override that waits at most so long for another process that changes
// the same folder, then fails with install.ErrBusy.
func (h *Host) OverrideWithin(ctx context.Context, wait time.Duration, dirs ...string) error {
	if h.ci() {
		return &update.OverriddenError{Do: EnvCI}
	}
	_, err := h.up.Override(ctx, wait, dirs...)
	return err
}

// EndOverrides ends development overrides, each named by the id of its plugin or by "path:"
// and its folder: what is installed runs again. It waits like [Host.OverrideWithin], for as
// long as ctx if wait is 0, and returns update.ErrNotInstalled for what is not overridden.
func (h *Host) EndOverrides(ctx context.Context, wait time.Duration, names ...string) error {
	_, err := h.up.RemoveOverrides(ctx, wait, names...)
	return err
}

// Reload starts a development override from its folder as it is now and swaps it in without
// losing a call: what an author wants after a build. After an error what ran before goes on
// running; see update.Updater.Reload.
func (h *Host) Reload(ctx context.Context, id manifest.ID) error { return h.up.Reload(ctx, id) }

// Overrides lists the development overrides as they are now, with why they do not start.
func (h *Host) Overrides() ([]update.Override, error) {
	g, err := h.dir.Active()
	if err != nil {
		return nil, err
	}
	return h.up.Overrides(g), nil
}

// ErrMixed says that one call names development overrides and what is none.
var ErrMixed = errors.New("overridden")

// Overridden reports whether names, which somebody wants to uninstall, are those of
// development overrides: ids, or "path:" and a folder. It returns [ErrMixed] if only some of
// them are: that would be two changes.
func (h *Host) Overridden(names ...string) (bool, error) {
	g, err := h.dir.Active()
	if err != nil {
		return false, err
	}
	var are, others []string
	for _, name := range names {
		if _, ok := update.FindOverride(g, name); ok || strings.HasPrefix(name, update.PathPrefix) {
			are = append(are, name)
		} else {
			others = append(others, name)
		}
	}
	if len(are) > 0 && len(others) > 0 {
		return false, fmt.Errorf("%w: %s, and %s is not: uninstall one after the other", ErrMixed, are[0], others[0])
	}
	return len(are) > 0, nil
}

// admit refuses changes that want a set which others get, too, while there are overrides.
// It is asked before every change of a caller of h.
func (h *Host) admit(c Change) error {
	if h.shared(c) == "" {
		return nil
	}
	g, err := h.dir.Active()
	if err != nil {
		return err
	}
	return h.refuse(c, g.Overrides)
}

// refuse returns the error of a change that wants a set which others get, too, if there are
// overrides.
func (h *Host) refuse(c Change, are []install.Override) error {
	what := h.shared(c)
	if what == "" || len(are) == 0 {
		return nil
	}
	return &update.OverriddenError{Do: what, Are: are}
}

// shared says why c wants a set which others get, too; "" if it does not.
func (h *Host) shared(c Change) string {
	switch {
	case c.Frozen:
		return "--frozen"
	case installs(c) && h.ci():
		return EnvCI
	}
	return ""
}

// installs reports whether c is an install or an update, not one that takes plugins away
// or pins them only.
func installs(c Change) bool {
	return len(c.Install)+len(c.Update) > 0 || c.UpdateAll || len(c.Uninstall)+len(c.Pin)+len(c.Unpin) == 0
}

// ci reports whether this is continuous integration.
func (h *Host) ci() bool {
	if h.o.CI != nil {
		return h.o.CI()
	}
	v := os.Getenv(EnvCI)
	return v != "" && v != "false" && v != "0"
}

// change plans and applies c.
func (h *Host) change(ctx context.Context, c Change) error {
	if err := h.admit(c); err != nil {
		return err
	}
	_, _, err := h.up.Change(ctx, h.allowing(c))
	return err
}

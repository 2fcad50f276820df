package update

import (
	"context"
	"fmt"

	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
)

// Configure gives an installed plugin a configuration, the text of a JSON object in which
// secrets are references; see package config. "" takes away what it had. It makes a generation,
// which it returns, so that a rollback brings the configuration of before back; the active one
// if there is nothing to do. It touches no network.
//
// Running plugins of this process take it at once: live, if they can, or as a new instance that
// is swapped in. If that fails, all is as it was. Other processes take it at their next start.
// It returns [ErrNotInstalled], and what [Updater.CheckConfig] returns.
func (u *Updater) Configure(ctx context.Context, id manifest.ID, text string) (*install.Generation, error) {
	tx, done, err := u.begin(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer done()
	defer tx.Abort()
	base := tx.Base
	r, ok := base.Find(id)
	if !ok {
		return nil, fmt.Errorf("configure %s: %w", id, ErrNotInstalled)
	}
	if text, err = u.checkConfig(r.Manifest, text); err != nil {
		return nil, err
	}
	if text == base.Config(id) {
		return base, nil
	}
	for _, r := range base.Records {
		tx.Keep(r)
	}
	tx.SetConfig(id, text)
	g, err := tx.Commit(base.Lock, "configure "+string(id))
	if err != nil {
		return nil, err
	}
	return u.swap(ctx, base, g)
}

// checkConfig returns the short form of text.
func (u *Updater) checkConfig(m *manifest.Manifest, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	object, err := config.Parse([]byte(text))
	if err != nil {
		return "", fmt.Errorf("configure %s: %w", m.ID, err)
	}
	if u.CheckConfig != nil {
		if err := u.CheckConfig(m, text); err != nil {
			return "", err
		}
	}
	return config.Text(object)
}

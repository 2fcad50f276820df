package update

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Configure gives an installed plugin a configuration, the text of a JSON object in which
// secrets are references; see package config. "" takes away what it had. It makes a generation,
// which it returns, so that a rollback brings the configuration of before back; the active one
// if there is nothing to do. It touches no network.
//
// Running plugins of this process take it at once: live, if they can, or as a new instance that
// is swapped in. If that fails, all is as it was,
// also if the plugin is optional. Other processes take it at their next start.
// It returns [ErrNotInstalled], and what [Updater.CheckConfig] returns.
func (u *Updater) Configure(ctx context.Context, id manifest.ID, text string) (*install.Generation, error) {
	return u.configure(ctx, id, nil, text)
}

// ConfigureFrom is [Updater.Configure] for text that somebody made out of before: it returns
// [ErrStale] if the plugin is configured in another way by now.
func (u *Updater) ConfigureFrom(ctx context.Context, id manifest.ID, before, text string) (*install.Generation, error) {
	return u.configure(ctx, id, &before, text)
}

func (u *Updater) configure(ctx context.Context, id manifest.ID, before *string, text string) (*install.Generation, error) {
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
	if before != nil && *before != base.Config(id) {
		return nil, fmt.Errorf("configure %s: it has another configuration by now: %w", id, ErrStale)
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
	return u.swap(ctx, base, g, id)
}

// checkConfig returns the short form of text.
func (u *Updater) checkConfig(m *manifest.Manifest, text string) (string, error) {
	text, err := shortConfig(m.ID, text)
	if err == nil && text != "" && u.CheckConfig != nil {
		err = u.CheckConfig(m, text)
	}
	return text, err
}

// shortConfig returns the form in which text is kept: "" for nothing and for no keys.
func shortConfig(id manifest.ID, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	object, err := config.Parse([]byte(text))
	if err != nil {
		return "", fmt.Errorf("configure %s: %w", id, err)
	}
	if len(object) == 0 {
		return "", nil
	}
	return config.Text(object)
}

// configure notes what c gives plugins. What the releases take is known when they are here.
func (p *Plan) configure(c Change) error {
	p.CheckConfig = c.CheckConfig
	for _, id := range slices.Sorted(maps.Keys(c.Config)) {
		if _, ok := p.Lock.Find(id); !ok {
			return fmt.Errorf("configure %s: %w", id, ErrNotInstalled)
		}
		text, err := shortConfig(id, c.Config[id])
		if err != nil {
			return err
		}
		p.configs = append(p.configs, install.Config{ID: id, Text: text})
	}
	return nil
}

// configured lists the plugins that get a configuration.
func (p *Plan) configured() (out []manifest.ID) {
	for _, c := range p.configs {
		out = append(out, c.ID)
	}
	return out
}

// sameConfigs reports whether plugins get what they have.
func (p *Plan) sameConfigs() bool {
	return !slices.ContainsFunc(p.configs, func(c install.Config) bool { return p.base.Config(c.ID) != c.Text })
}

// configureStaged gives plugins of tx what p says, and makes sure that every release that is
// new, or is given something new, takes what it gets.
func (u *Updater) configureStaged(tx *install.Tx, p *Plan) error {
	for _, c := range p.configs {
		tx.SetConfig(c.ID, c.Text)
	}
	check := p.CheckConfig
	if check == nil {
		check = u.CheckConfig
	}
	if check == nil {
		return nil
	}
	next := tx.Staged(p.Lock)
	for _, c := range next.Configs {
		now, _ := next.Lock.Find(c.ID)
		old, _ := p.base.Lock.Find(c.ID)
		if now.Digest == old.Digest && p.base.Config(c.ID) == c.Text {
			continue
		}
		r, ok := next.Find(c.ID)
		if !ok {
			continue
		}
		if err := check(r.Manifest, c.Text); err != nil {
			return &ConfigError{c.ID, now.Version, err}
		}
	}
	return nil
}

// ConfigError says that a release does not take the configuration that its plugin has, or is
// to get with it. Nothing was changed.
type ConfigError struct {
	ID      manifest.ID
	Version version.Version
	Err     error
}

// Error names the release.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("%s %s does not take what is configured: %v", e.ID, e.Version, e.Err)
}

// Unwrap returns what is wrong.
func (e *ConfigError) Unwrap() error { return e.Err }

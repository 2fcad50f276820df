package install

import (
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
)

// Config is the configuration that an operator gave an installed plugin.
type Config struct {
	ID   manifest.ID `json:"id"`
	Text string      `json:"config"` // a JSON object; secrets are references, see package config
}

// Config returns the configuration of a plugin, "" if it was given none.
func (g *Generation) Config(id manifest.ID) string {
	for _, c := range g.Configs {
		if c.ID == id {
			return c.Text
		}
	}
	return ""
}

// MaxConfig is how long the configuration of one plugin may be, in bytes.
const MaxConfig = 256 << 10

func validConfigs(list []Config) bool {
	last := manifest.ID("")
	for _, c := range list {
		if _, err := manifest.ParseID(string(c.ID)); err != nil || c.ID <= last || c.Text == "" || len(c.Text) > MaxConfig {
			return false
		}
		last = c.ID
	}
	return true
}

// SetConfig gives a plugin of the new generation a configuration in place of what it had in
// the one before; "" takes that away.
func (t *Tx) SetConfig(id manifest.ID, text string) {
	t.configs = slices.DeleteFunc(slices.Clone(t.configs), func(c Config) bool { return c.ID == id })
	if text != "" {
		t.configs = append(t.configs, Config{id, text})
	}
}

// configured lists the configurations of what stays installed, sorted by id.
func (t *Tx) configured() []Config {
	var out []Config
	for _, c := range t.configs {
		if slices.ContainsFunc(t.records, func(r Record) bool { return r.ID == c.ID }) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Config) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out
}

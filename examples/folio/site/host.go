// Package site builds static sites with plugins.
package site

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"

	"folio.example.org/points"
)

// Version of folio, which plugins name under host.
const Version = "0.3.0"

// Environment variables of folio.
const (
	EnvPlugins = "FOLIO_PLUGINS" // folder for plugins; default: that of the user
	EnvRuntime = "FOLIO_RUNTIME" // runtime to prefer where a plugin has several
)

// Open opens folio's plugins. Nothing is started.
func Open(ctx context.Context) (*plugstead.Host, error) {
	drivers, err := drivers(os.Getenv(EnvRuntime))
	if err != nil {
		return nil, err
	}
	return plugstead.OpenWith(ctx, drivers, plugstead.Options{
		App: "folio", Version: Version, Dir: os.Getenv(EnvPlugins),
		Points: []*contract.Point{points.RenderPoint, points.TransformPoint},
		Log:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
}

// drivers puts the preferred runtime first.
func drivers(prefer string) ([]load.Driver, error) {
	all := plugstead.DefaultDrivers()
	for i, d := range all {
		if d.Runtime() == prefer {
			copy(all[1:i+1], all[:i])
			all[0] = d
			return all, nil
		}
	}
	if prefer != "" {
		return nil, fmt.Errorf("%s=%s: this program has no such runtime", EnvRuntime, prefer)
	}
	return all, nil
}

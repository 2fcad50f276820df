// Package plugin is the plugin that the benchmarks call, in every runtime.
package plugin

import (
	"context"

	"github.com/plugstead/plugstead/internal/bench/echo"
	"github.com/plugstead/plugstead/sdk"
)

func init() { sdk.RegisterType("bench/echo", open, sdk.Unary(echo.Echo, (*plugin).echo)) }

type plugin struct{}

func open(context.Context, *sdk.Env, sdk.None) (*plugin, error) { return &plugin{}, nil }

func (*plugin) echo(_ context.Context, m echo.Message) (echo.Message, error) { return m, nil }

// Package plugin is the plugin that the benchmarks call, in every runtime.
package plugin

import (
	"context"
	"iter"

	"github.com/plugstead/plugstead/internal/bench/echo"
	"github.com/plugstead/plugstead/sdk"
)

func init() {
	sdk.RegisterType("bench/echo", open, sdk.Unary(echo.Echo, (*plugin).echo), sdk.ServerStream(echo.Many, (*plugin).many))
}

type plugin struct{}

func open(context.Context, *sdk.Env, sdk.None) (*plugin, error) { return &plugin{}, nil }

func (*plugin) echo(_ context.Context, m echo.Message) (echo.Message, error) { return m, nil }

func (*plugin) many(_ context.Context, m echo.Message) iter.Seq2[echo.Message, error] {
	return func(yield func(echo.Message, error) bool) {
		out := echo.Message{Data: make([]byte, 1<<10)}
		for range m.N {
			if !yield(out, nil) {
				return
			}
		}
	}
}

package loadtest_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
)

func BenchmarkCall(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		x := targets[name]
		b.Run(name, func(b *testing.B) {
			in, err := x.Driver.Start(b.Context(), x.Image(b, testplugin.ID), load.Spec{})
			if err != nil {
				b.Fatal(err)
			}
			defer in.Close()
			for size, data := range map[string][]byte{"tiny": nil, "64KiB": make([]byte, 64<<10)} {
				b.Run(size, func(b *testing.B) { call(b, in, probe.Tock{Text: "Ada", Data: data}) })
			}
			b.Run("parallel", func(b *testing.B) {
				ctx := context.Background()
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := probe.Tick.Call(ctx, in, probe.Tock{Text: "Ada"}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		})
	}
}

func call(b *testing.B, in load.Instance, m probe.Tock) {
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := probe.Tick.Call(ctx, in, m); err != nil {
			b.Fatal(err)
		}
	}
}

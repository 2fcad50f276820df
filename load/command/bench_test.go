//go:build unix

package command

import (
	"strings"
	"testing"

	"github.com/plugstead/plugstead/load"
)

// BenchmarkCall is one call of a shell script that answers at once.
func BenchmarkCall(b *testing.B) {
	in := start(b, Driver{}, `echo '{"Words":1}'`, load.Spec{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := words.Call(b.Context(), in, text{"x"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLarge is one call with a message of 1 MiB, which is counted.
func BenchmarkLarge(b *testing.B) {
	in := start(b, Driver{}, `printf '{"args":"%d"}' "$(wc -c)"`, load.Spec{})
	x := text{strings.Repeat("x", 1<<20)}
	for b.Loop() {
		if _, err := show.Call(b.Context(), in, x); err != nil {
			b.Fatal(err)
		}
	}
}

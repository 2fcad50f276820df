package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/plugstead/plugstead/resolve"
)

// BenchmarkLarge solves every version of the large universe as a root.
func BenchmarkLarge(b *testing.B) {
	data := os.Getenv("PLUGSTEAD_RESOLVER_DATA")
	if data == "" {
		b.Skip("PLUGSTEAD_RESOLVER_DATA is not set")
	}
	u, _, err := read(filepath.Join(data, "large", "universe-large_case.json"))
	if err != nil {
		b.Fatal(err)
	}
	roots, err := u.roots("all")
	if err != nil {
		b.Fatal(err)
	}
	c, ix := convert(u, false)
	var problems []resolve.Problem
	for _, r := range roots {
		problems = append(problems, c.problem(r))
	}
	s := resolve.New(ix)
	for b.Loop() {
		for _, p := range problems {
			_, _ = s.Solve(b.Context(), p)
		}
	}
}

// Command bench measures Plugstead beside its peers in one interleaved run and ends
// with one line for each target: "target NAME VALUE OP BOUND ok" or "… MISSED".
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"

	"github.com/plugstead/plugstead/internal/figures"
)

func main() {
	rounds := flag.Int("rounds", 15, "interleaved repetitions; at least 9")
	only := flag.String("only", "", "installs or starts; default all")
	flag.Parse()
	if err := run(context.Background(), *only, max(9, *rounds)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, rounds int) (err error) {
	work, err := os.MkdirTemp("", "plugstead-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	fmt.Printf("%s %s/%s, %d CPUs, %d interleaved rounds\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	var targets []figures.Target
	for _, part := range []struct {
		name    string
		measure func() ([]figures.Target, error)
	}{
		{"installs", func() ([]figures.Target, error) { return installs(ctx, work, rounds) }},
		{"starts", func() ([]figures.Target, error) { return starts(ctx, work, rounds) }},
	} {
		if only != "" && only != part.name {
			continue
		}
		t, err := part.measure()
		if err != nil {
			return err
		}
		targets = append(targets, t...)
	}
	for _, t := range targets {
		fmt.Println(t)
	}
	return nil
}

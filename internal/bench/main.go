// Command bench measures Plugstead beside its peers in one interleaved run and ends
// with one line for each target: "target NAME VALUE OP BOUND ok" or "… MISSED".
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

func main() {
	repo := flag.String("repo", "../..", "checkout of the project")
	rounds := flag.Int("rounds", 15, "interleaved repetitions; at least 9")
	only := flag.String("only", "", "calls, installs or starts; default all")
	flag.Parse()
	if err := run(context.Background(), *repo, *only, max(9, *rounds)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, repo, only string, rounds int) (err error) {
	if repo, err = filepath.Abs(repo); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "plugstead-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	fmt.Printf("%s %s/%s, %d CPUs, %d interleaved rounds\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	var targets []target
	for _, part := range []struct {
		name    string
		measure func() ([]target, error)
	}{
		{"calls", func() ([]target, error) { return calls(ctx, repo, work, rounds) }},
		{"installs", func() ([]target, error) { return installs(ctx, work, rounds) }},
		{"starts", func() ([]target, error) { return starts(ctx, work, rounds) }},
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
		t.print()
	}
	return nil
}

// target is one line of the result: a value that should be at most the bound.
type target struct {
	name  string
	value float64
	bound float64
}

func (t target) print() {
	word := "ok"
	if !(t.value <= t.bound) { // also for a value that is not a number: the peer is absent
		word = "MISSED"
	}
	fmt.Printf("target %s %.3g <= %g %s\n", t.name, t.value, t.bound, word)
}

// p10 is the tenth percentile, near the cost without disturbance.
func p10(list []time.Duration) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/10]
}

// median is the middle one.
func median(list []time.Duration) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

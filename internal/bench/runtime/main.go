// Command runtime measures calls, streams, starts, memory and sizes beside
// hashicorp/go-plugin in one interleaved run, and what a killed host and swaps leave. It
// ends with one line for each target.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/plugstead/plugstead/internal/figures"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == doomedArg {
		fmt.Fprintln(os.Stderr, "bench-runtime:", doomed(os.Args[2]))
		os.Exit(1)
	}
	repo := flag.String("repo", ".", "checkout of the project")
	rounds := flag.Int("rounds", 15, "interleaved repetitions; at least 9")
	flag.Parse()
	if err := run(context.Background(), *repo, max(9, *rounds)); err != nil {
		fmt.Fprintln(os.Stderr, "bench-runtime:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, repo string, rounds int) (err error) {
	if repo, err = filepath.Abs(repo); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "plugstead-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	fmt.Printf("%s %s/%s, %d CPUs, %d interleaved rounds\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	images, err := buildPlugins(repo, work)
	if err != nil {
		return err
	}
	var targets []figures.Target
	for _, measure := range []func() ([]figures.Target, error){
		func() ([]figures.Target, error) { return calls(ctx, images, work, rounds) },
		func() ([]figures.Target, error) { return starts(ctx, images, work, rounds) },
		func() ([]figures.Target, error) { return sizes(repo, work) },
		func() ([]figures.Target, error) { return swaps(ctx, images) },
		func() ([]figures.Target, error) { return orphans(work) },
	} {
		t, err := measure()
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

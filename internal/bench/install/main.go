// Command install runs our command-line program beside the installers of others: every
// one installs the same 20 payloads of 4 MiB from a server on loopback into an empty
// folder, updates all of them, and is then asked for what is there already. Rounds are
// interleaved. It ends with one line for each target; a peer that is absent is a missed
// target.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/plugstead/plugstead/internal/figures"
)

// Plugins that are installed, and the bytes of each.
const (
	plugins     = 20
	payload     = 4 << 20
	oldV, nextV = "1.0.0", "1.1.0"
)

// installer is one program that is measured. The commands of a step are run one after
// the other; none means that the program cannot do it.
type installer interface {
	Name() string
	// Cold returns the commands that install the old version of all plugins below dir,
	// which is empty.
	Cold(dir string) ([]command, error)
	Update(dir string) ([]command, error)
	Again(dir string) ([]command, error) // with nothing to do
	Installed(dir string) string         // the folder with what it keeps
	Requests() int64                     // so far
}

func main() {
	ours := flag.String("plugstead", "plugstead", "our program")
	peers := flag.String("peers", "", "folder with what bench-peers built")
	rounds := flag.Int("rounds", 9, "interleaved repetitions; at least 9")
	flag.Parse()
	if err := run(context.Background(), *ours, *peers, max(9, *rounds)); err != nil {
		fmt.Fprintln(os.Stderr, "bench-install:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, ours, peers string, rounds int) error {
	work, err := os.MkdirTemp("", "plugstead-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	us, err := newPlugstead(ctx, ours, work)
	if err != nil {
		return err
	}
	defer us.Close()
	list := []*series{{installer: us}}
	for _, p := range []struct {
		name string
		open func(ctx context.Context, program, work string) (installer, error)
	}{{"falcoctl-v0.13.0", newFalcoctl}, {"helm-v4.3.1", newHelm}, {"tofu-v1.12.6", newTofu}} {
		program := filepath.Join(peers, p.name)
		if _, err := os.Stat(program); err != nil {
			fmt.Printf("%s is absent: make bench-peers\n", p.name)
			continue
		}
		i, err := p.open(ctx, program, filepath.Join(work, p.name))
		if err != nil {
			fmt.Printf("%s: %v\n", p.name, err)
			continue
		}
		list = append(list, &series{installer: i})
	}
	fmt.Printf("%s %s/%s, %d CPUs, %d interleaved rounds, %d plugins of %d MiB\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds, plugins, payload>>20)
	for round := range rounds {
		for _, s := range list {
			if err := s.measure(ctx, filepath.Join(work, fmt.Sprintf("round-%d-%s", round, s.Name()))); err != nil {
				return fmt.Errorf("%s: %w", s.Name(), err)
			}
		}
	}
	report(list, len(list) == 4)
	return nil
}

func report(list []*series, all bool) {
	fmt.Printf("%-12s %12s %12s %12s %10s %10s %9s %9s\n", "", "cold p10", "update p10", "no-op p10", "cpu cold", "peak MiB", "requests", "disk MiB")
	for _, s := range list {
		fmt.Printf("%-12s %12s %12s %12s %10s %10d %9s %9d\n", s.Name(), s.cold.text(), s.update.text(), s.again.text(), s.cold.cpu().Round(time.Millisecond), s.cold.peak()>>20,
			fmt.Sprintf("%d/%d/%d", s.cold.requests(), s.update.requests(), s.again.requests()), s.disk>>20)
	}
	fmt.Println("requests: cold/update/no-op; disk: after the cold install")
	us := list[0]
	targets := []figures.Target{
		{Name: "cold/fastest-peer", Value: ratio(us, list[1:], all, func(s *series) step { return s.cold }), Bound: 0.9},
		{Name: "update/fastest-peer", Value: ratio(us, list[1:], all, func(s *series) step { return s.update }), Bound: 1},
		{Name: "noop-cli-milliseconds", Value: us.again.p10().Seconds() * 1e3, Bound: 50},
		{Name: "disk/payload", Value: float64(us.disk) / (plugins * payload), Bound: 1.05},
	}
	for _, t := range targets {
		fmt.Println(t)
	}
}

// ratio compares with the fastest peer; without all of them there is nothing to say.
func ratio(us *series, peers []*series, all bool, of func(*series) step) float64 {
	best := math.NaN()
	for _, p := range peers {
		if d := of(p).p10(); d > 0 && !(best <= float64(d)) {
			best = float64(d)
		}
	}
	if !all {
		return math.NaN()
	}
	return float64(of(us).p10()) / best
}

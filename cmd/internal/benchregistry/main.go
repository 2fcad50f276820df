// Command benchregistry measures a registry beside a plain file server of net/http: blobs,
// manifests, index documents, publications and search, on SQLite with a folder and, where
// PostgreSQL is installed, on PostgreSQL. Rounds are interleaved; server, peer and clients
// share the machine. It ends with one line for each target.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/cmd/internal/server/servertest"
	"github.com/plugstead/plugstead/internal/figures"
)

func main() {
	program := flag.String("plugstead", "plugstead", "our program")
	rounds := flag.Int("rounds", 9, "interleaved repetitions; at least 9")
	plugins := flag.Int("plugins", 100_000, "plugins that are there already, with ten releases each")
	peer := flag.String("peer", "", "serve this folder as the peer does (used by the program itself)")
	flag.Parse()
	var err error
	if *peer != "" {
		err = servePeer(*peer)
	} else {
		b := &bench{program: *program, rounds: max(9, *rounds), plugins: *plugins}
		err = b.run(context.Background())
	}
	servertest.Stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-registry:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	program string
	rounds  int
	plugins int
	work    string
	targets []figures.Target
}

func (b *bench) target(name string, value, bound float64) {
	b.targets = append(b.targets, figures.Target{Name: name, Value: value, Bound: bound})
}

func (b *bench) atLeast(name string, value, bound float64) {
	b.targets = append(b.targets, figures.Target{Name: name, Value: value, Bound: bound, AtLeast: true})
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.work, err = os.MkdirTemp("", "plugstead-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.work)
	fmt.Printf("%s %s/%s, %d CPUs, %d interleaved rounds, %d plugins with %d releases\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), b.rounds, b.plugins, b.plugins*releases)
	data := filepath.Join(b.work, "large")
	if err := b.sqlite(ctx, data); err != nil {
		return fmt.Errorf("SQLite: %w", err)
	}
	if err := b.postgres(ctx); err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	fmt.Println()
	for _, t := range b.targets {
		fmt.Println(t)
	}
	return nil
}

// sqlite measures everything on SQLite and a folder.
func (b *bench) sqlite(ctx context.Context, data string) error {
	large := server.Options{Data: data}
	small := server.Options{Data: filepath.Join(b.work, "small")}
	if err := errors.Join(seed(ctx, large, b.plugins), seed(ctx, small, 100)); err != nil {
		return err
	}
	l, err := start(b.program, "--data", large.Data)
	if err != nil {
		return err
	}
	defer l.stop()
	s, err := start(b.program, "--data", small.Data)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := b.bytes(ctx, l); err != nil {
		return err
	}
	if err := b.growth(ctx, l, s); err != nil {
		return err
	}
	rate, err := b.publishes(ctx, l)
	if err != nil {
		return err
	}
	b.atLeast("sqlite-publishes-per-second", rate, 300)
	p50, p99, err := b.searches(ctx, l)
	if err != nil {
		return err
	}
	b.target("sqlite-search-p50-milliseconds", p50, 5)
	b.target("sqlite-search-p99-milliseconds", p99, 60)
	memory, err := l.peak()
	b.target("sqlite-memory-MiB", memory, 150)
	return err
}

// postgres measures publications and search there.
func (b *bench) postgres(ctx context.Context) error {
	address, err := servertest.NewDatabase(ctx)
	if errors.Is(err, servertest.ErrAbsent) {
		fmt.Println("PostgreSQL is absent: tools/ci-setup")
		b.atLeast("postgres-publishes-per-second", math.NaN(), 150)
		b.target("postgres-search-p99-milliseconds", math.NaN(), 90)
		return nil
	}
	if err != nil {
		return err
	}
	o := server.Options{Data: filepath.Join(b.work, "postgres"), Database: address}
	if err := seed(ctx, o, b.plugins); err != nil {
		return err
	}
	p, err := start(b.program, "--data", o.Data, "--set", "database="+address)
	if err != nil {
		return err
	}
	defer p.stop()
	rate, err := b.publishes(ctx, p)
	if err != nil {
		return err
	}
	b.atLeast("postgres-publishes-per-second", rate, 150)
	_, p99, err := b.searches(ctx, p)
	if err != nil {
		return err
	}
	b.target("postgres-search-p99-milliseconds", p99, 90)
	memory, err := p.peak()
	b.target("postgres-memory-MiB", memory, 150)
	return err
}

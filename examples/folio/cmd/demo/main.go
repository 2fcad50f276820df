// Command demo walks a plugin from its source to a running application and back:
// publish, search, install, build a site, update while calls go on, roll back. It
// checks every result and exits with 0 only if all were right.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	var d demo
	flag.StringVar(&d.repo, "repo", ".", "checkout of the project")
	flag.StringVar(&d.bin, "bin", "bin", "folder with plugstead, folio and folio-linked")
	flag.BoolVar(&d.keep, "keep", false, "leave the registry running")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := d.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo failed:", err)
		os.Exit(1)
	}
}

// demo is the state that the steps hand on.
type demo struct {
	repo, bin string
	keep      bool

	work     string // everything the demo makes
	docs     string // the source of the site
	registry *registry
	load     *callers
}

func (d *demo) path(parts ...string) string {
	return filepath.Join(append([]string{d.work}, parts...)...)
}

func (d *demo) tool(name string) string { return filepath.Join(d.bin, name) }

func (d *demo) run(ctx context.Context) (err error) {
	for _, p := range []*string{&d.repo, &d.bin} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	if d.work, err = os.MkdirTemp("", "plugstead-demo-"); err != nil {
		return err
	}
	defer d.cleanUp()
	for i, s := range []struct {
		name string
		do   func(context.Context) (string, error)
	}{
		{"start a registry on a free port", d.startRegistry},
		{"build and publish three plugins", d.publishAll},
		{"search the registry", d.search},
		{"install folio/toc and what it requires", d.install},
		{"collect documents", d.collect},
		{"build the site", d.build("site1")},
		{"check that every contents link resolves", d.checkLinks},
		{"run one plugin in all three runtimes", d.threeRuntimes},
		{"start the host and call it from 4 loops", d.startCalls},
		{"publish markdown 1.1 while calls go on", d.publishNext},
		{"update the running host", d.update},
		{"build again and show what changed", d.showChanges},
		{"roll back the running host", d.rollBack},
		{"build once more and compare with the first", d.compare},
	} {
		begin := time.Now()
		what, err := s.do(ctx)
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, s.name, err)
		}
		fmt.Printf("%2d  %-45s %6d ms  %s\n", i+1, s.name, time.Since(begin).Milliseconds(), what)
	}
	n, lost := d.load.stop()
	if err := d.load.close(); err != nil {
		return err
	}
	if d.keep {
		fmt.Printf("the registry stays at %s (process %d, data in %s)\n", d.registry.url, d.registry.pid(), d.work)
	}
	fmt.Printf("calls %d lost %d\n", n, lost)
	if n == 0 || lost > 0 {
		return fmt.Errorf("%d of %d calls were lost; the first: %v", lost, n, d.load.firstError())
	}
	return nil
}

func (d *demo) cleanUp() {
	if d.load != nil {
		d.load.stop()
		_ = d.load.close()
	}
	if d.registry != nil && !d.keep {
		d.registry.stop()
	}
	if !d.keep {
		os.RemoveAll(d.work)
	}
}

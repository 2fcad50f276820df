// Command locker reads a folder of index documents, solves for the plugins it is given
// and writes the lock: what "plugstead lock" does, without a registry.
//
//	locker FOLDER LOCKFILE NAMESPACE/NAME...
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: locker FOLDER LOCKFILE NAMESPACE/NAME...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "locker:", err)
		os.Exit(1)
	}
}

// folder is a source of index documents in files: FOLDER/NAMESPACE/NAME.
type folder string

func (f folder) Identity() string { return "folder:" + string(f) }

func (f folder) Blobs(manifest.ID) artifact.Blobs { return nil }

func (f folder) Plugin(_ context.Context, id manifest.ID) (*index.Plugin, error) {
	b, err := os.ReadFile(filepath.Join(string(f), filepath.FromSlash(string(id))))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", id, index.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return index.Parse(id, b)
}

func run(dir, file string, names []string) error {
	p := resolve.Problem{
		Host:   resolve.Host{App: "u", Version: version.MustParse("1.0.0"), Platform: manifest.Platform{OS: "linux", Arch: "amd64"}, Runtimes: []string{manifest.RuntimeWasm}},
		Budget: resolve.Budget{Plugins: 1 << 20},
	}
	for _, n := range names {
		p.Wishes = append(p.Wishes, resolve.Wish{ID: manifest.ID(n)})
	}
	ix := fetch.OpenIndex(context.Background(), fetch.Sources{Default: folder(dir)}, fetch.IndexOptions{})
	defer ix.Close()
	s, err := resolve.Solve(context.Background(), ix, p)
	if err != nil {
		return err
	}
	l := &resolve.Lock{App: p.Host.App, Platforms: []manifest.Platform{p.Host.Platform}, Requests: p.Wishes, Sources: []resolve.LockedSource{{Name: "local", Root: "local"}}}
	for _, c := range s.Choices {
		l.Plugins = append(l.Plugins, c.Locked("local"))
	}
	return os.WriteFile(file, l.Text(), 0o644)
}

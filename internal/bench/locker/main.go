// Command locker reads index documents, solves for the plugins it is given and writes the
// lock: what "plugstead lock" does, with a folder of documents in place of a registry. With
// -offline, which is "plugstead lock --offline", it reads nothing but the cache, which a run
// without it has filled.
//
//	locker [-offline] [-cache FOLDER] FOLDER LOCKFILE NAMESPACE/NAME...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/startheap"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/version"
)

func main() {
	startheap.Grow(startheap.OfCommand)
	var o fetch.IndexOptions
	flag.StringVar(&o.Cache, "cache", "", "absolute path of the folder of the cache; none if empty")
	flag.BoolVar(&o.Offline, "offline", false, "read the cache only")
	flag.Parse()
	if flag.NArg() < 3 {
		fmt.Fprintln(os.Stderr, "usage: locker [-offline] [-cache FOLDER] FOLDER LOCKFILE NAMESPACE/NAME...")
		os.Exit(2)
	}
	if err := run(o, flag.Arg(0), flag.Arg(1), flag.Args()[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "locker:", err)
		os.Exit(1)
	}
}

// folder is a source of index documents in files, FOLDER/NAMESPACE/NAME, that stands for
// a registry: what comes from it is kept in a cache.
type folder string

func (f folder) Identity() string { return "folder:" + string(f) }

func (f folder) Blobs(manifest.ID) artifact.Blobs { return nil }

func (f folder) Plugin(context.Context, manifest.ID) (*index.Plugin, error) {
	return nil, errors.New("a remote is asked for documents")
}

// Revision is a constant: the folder does not change while it is measured.
func (f folder) Revision(context.Context) (string, error) { return "r1", nil }

func (f folder) Document(_ context.Context, id manifest.ID, _ string) (fetch.Answer, error) {
	b, err := os.ReadFile(filepath.Join(string(f), filepath.FromSlash(string(id))))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: %w", id, index.ErrNotFound)
	}
	return fetch.Answer{Bytes: b, Revision: "r1"}, err
}

func run(o fetch.IndexOptions, dir, file string, names []string) error {
	p := resolve.Problem{
		Host:   resolve.Host{App: "u", Version: version.MustParse("1.0.0"), Platform: manifest.Platform{OS: "linux", Arch: "amd64"}, Runtimes: []string{manifest.RuntimeWasm}},
		Budget: resolve.Budget{Plugins: 1 << 20},
	}
	for _, n := range names {
		p.Wishes = append(p.Wishes, resolve.Wish{ID: manifest.ID(n)})
	}
	ix := fetch.OpenIndex(context.Background(), fetch.Sources{Default: folder(dir)}, o)
	defer ix.Close()
	s, err := resolve.Solve(context.Background(), ix, p)
	if err != nil {
		return err
	}
	l := &resolve.Lock{App: p.Host.App, Platforms: []manifest.Platform{p.Host.Platform}, Requests: p.Wishes, Sources: []resolve.LockedSource{{Name: "local", Root: "local"}}}
	l.Plugins = slices.Grow(l.Plugins, len(s.Choices))
	for _, c := range s.Choices {
		l.Plugins = append(l.Plugins, c.Locked("local"))
	}
	return os.WriteFile(file, l.Text(), 0o644)
}

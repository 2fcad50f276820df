// Package author is what the authors of plugins do over and over: it builds a plugin folder,
// checks the plugin the way applications run it, and tells when files have changed. Its errors
// are those of commands, with a code and a hint.
package author

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
)

// Folder is the folder of a plugin.
type Folder struct {
	Dir      string // absolute
	Manifest *manifest.Manifest
}

// Open reads the plugin.yaml of a folder. It returns the errors of publish.Load.
func Open(root *os.Root) (*Folder, error) {
	m, err := publish.Load(root)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(root.Name())
	return &Folder{dir, m}, err
}

// Target is one thing that a plugin runs as.
type Target struct {
	Runtime  string
	Platform manifest.Platform
	Entry    string // path with slashes, in the folder
}

// Targets lists what plugin.yaml names, those that can run here if all is false.
func (f *Folder) Targets(all bool) (out []Target) {
	here := manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}
	for _, p := range f.Manifest.Runtimes.Platforms() {
		for _, name := range f.Manifest.Runtimes.Names() {
			if entry, ok := f.Manifest.Runtimes.Entry(name, p); ok && (all || p.Fits(here)) {
				out = append(out, Target{name, p, entry})
			}
		}
	}
	return out
}

// Only returns what plugin.yaml would be with these targets alone.
func (f *Folder) Only(list []Target) *manifest.Manifest {
	m := *f.Manifest
	m.Runtimes = manifest.Runtimes{}
	for _, t := range list {
		switch t.Runtime {
		case manifest.RuntimeWasm:
			m.Runtimes.Wasm = f.Manifest.Runtimes.Wasm
		case manifest.RuntimeFiles:
			m.Runtimes.Files = f.Manifest.Runtimes.Files
		case manifest.RuntimeCommand:
			m.Runtimes.Command = with(m.Runtimes.Command, t)
		case manifest.RuntimeProcess:
			if m.Runtimes.Process == nil {
				m.Runtimes.Process = &manifest.ProcessRuntime{Platforms: map[string]string{}}
			}
			m.Runtimes.Process.Platforms[t.Platform.String()] = t.Entry
		}
	}
	return &m
}

// with adds a target to a command, which may be nil.
func with(c *manifest.CommandRuntime, t Target) *manifest.CommandRuntime {
	if t.Platform == manifest.AnyPlatform {
		return &manifest.CommandRuntime{Script: t.Entry}
	}
	if c == nil {
		c = &manifest.CommandRuntime{Platforms: map[string]string{}}
	}
	c.Platforms[t.Platform.String()] = t.Entry
	return c
}

// there reports whether what t starts is in the folder.
func (f *Folder) there(t Target) bool {
	if t.Runtime == manifest.RuntimeFiles {
		st, err := os.Stat(filepath.Join(f.Dir, filepath.FromSlash(t.Entry)))
		return err == nil && st.IsDir()
	}
	return f.has(t.Entry)
}

// has reports whether a regular file of that name is in the folder.
func (f *Folder) has(name string) bool {
	st, err := os.Stat(filepath.Join(f.Dir, filepath.FromSlash(name)))
	return err == nil && st.Mode().IsRegular()
}

// missing returns the first target that is not there.
func (f *Folder) missing(list []Target) *Target {
	i := slices.IndexFunc(list, func(t Target) bool { return !f.there(t) })
	if i < 0 {
		return nil
	}
	return &list[i]
}

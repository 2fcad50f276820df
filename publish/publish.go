// Package publish is step 1 of 10: it checks a plugin folder, packs it and pushes
// it to a target.
//
// The order of a push is fixed: blobs first, then manifests, then the index by
// digest, then the version tag. On a registry the tag is the publication: before
// it nobody sees the release, after it the release never changes.
package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish/lint"
)

// ManifestFile is the file that describes a plugin, at the top of its folder.
const ManifestFile = "plugin.yaml"

// ErrNoManifest says that a folder has no plugin.yaml.
var ErrNoManifest = errors.New("no " + ManifestFile)

// Target is what publish needs of the place it pushes to. A store.Store fits, and
// so does what registry/client makes for one plugin.
type Target interface {
	// Put reads r and keeps the bytes of d, or does nothing if it has them.
	Put(ctx context.Context, d artifact.Descriptor, r io.Reader) error
	// Tag binds a version tag to d, which was put before. On a registry this
	// publishes. Binding the same digest again succeeds and changes nothing;
	// another digest is an error that wraps ErrBound of package store.
	Tag(ctx context.Context, name, tag string, d artifact.Descriptor) error
}

// Options are the optional properties of packing and pushing.
type Options struct {
	Created time.Time // written into the artifact; default: the Unix epoch
	// Describe runs the built plugin that m describes and returns what it says of itself,
	// which goes into plugin.json. Nil, or a nil result: that is not recorded.
	Describe func(m *manifest.Manifest) (*manifest.Built, error)
	Events   Events
}

// Events tell what is going on. Every field may be nil.
type Events struct {
	Pushed func(artifact.Descriptor) // a blob or manifest is at the target
}

// Load reads and checks the plugin.yaml of a plugin folder and the files it names.
func Load(dir *os.Root) (*manifest.Manifest, error) {
	b, err := readFile(dir, ManifestFile, artifact.MaxPlugin)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir.Name(), ErrNoManifest)
	}
	if err != nil {
		return nil, err
	}
	m, err := manifest.ParseYAML(ManifestFile, b)
	if err != nil {
		return nil, err
	}
	return m, checkSchema(dir, m.Config)
}

// readFile reads at most limit bytes of a regular file. It looks before it opens: to
// open a named pipe is to wait for whoever writes to it.
func readFile(dir *os.Root, name string, limit int64) ([]byte, error) {
	st, err := dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

func checkSchema(dir *os.Root, name string) error {
	if name == "" {
		return nil
	}
	b, err := readFile(dir, name, artifact.MaxDocument+1)
	if err != nil {
		return err
	}
	if err := lint.CheckSchema(b); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Pack loads and packs a plugin folder. The caller closes the result.
func Pack(dir *os.Root, o Options) (*artifact.Packed, error) {
	m, err := Load(dir)
	if err != nil {
		return nil, err
	}
	if o.Describe != nil {
		if err := describe(m, dir, o.Describe); err != nil {
			return nil, err
		}
	}
	return artifact.Pack(m, dir.FS(), artifact.PackOptions{Created: o.Created})
}

// describe completes m. A schema of the configuration that the author wrote takes the place
// of the one that was derived.
func describe(m *manifest.Manifest, dir *os.Root, ask func(*manifest.Manifest) (*manifest.Built, error)) (err error) {
	if m.Built, err = ask(m); err != nil || m.Built == nil {
		return err
	}
	if m.Config != "" {
		b, err := readFile(dir, m.Config, artifact.MaxDocument+1)
		if err != nil {
			return err
		}
		if m.Built.Config = string(b); len(b) > manifest.MaxSchema {
			m.Built.Config = "" // the document has it
		}
	}
	return m.Validate()
}

// Push pushes a packed plugin and tags its version. It may be repeated after any
// failure: what the target has is not pushed again.
func Push(ctx context.Context, t Target, p *artifact.Packed, o Options) error {
	for _, b := range p.Blobs() {
		if err := put(ctx, t, p, b.Descriptor); err != nil {
			return fmt.Errorf("publish %s %s: %w", p.Manifest.ID, p.Manifest.Version, err)
		}
		if o.Events.Pushed != nil {
			o.Events.Pushed(b.Descriptor)
		}
	}
	tag := artifact.TagOf(p.Manifest.Version)
	if err := t.Tag(ctx, string(p.Manifest.ID), tag, p.Descriptor); err != nil {
		return fmt.Errorf("publish %s %s: %w", p.Manifest.ID, p.Manifest.Version, err)
	}
	return nil
}

func put(ctx context.Context, t Target, p *artifact.Packed, d artifact.Descriptor) error {
	r, err := p.Open(ctx, d)
	if err != nil {
		return err
	}
	defer r.Close()
	return t.Put(ctx, d, r)
}

// Folder packs and pushes the plugin folder dir.
func Folder(ctx context.Context, t Target, dir *os.Root, o Options) (artifact.Image, error) {
	p, err := Pack(dir, o)
	if err != nil {
		return artifact.Image{}, err
	}
	defer p.Close()
	return p.Image, Push(ctx, t, p, o)
}

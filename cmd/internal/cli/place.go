package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/oci"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/version"
)

// place is where packed plugins go.
type place interface {
	publish.Target
	// holds reports whether d is there under its version already.
	holds(ctx context.Context, id manifest.ID, v version.Version, d artifact.Digest) bool
}

// folder is a place on disk.
type folder struct{ *disk.Store }

func (f folder) holds(ctx context.Context, id manifest.ID, v version.Version, d artifact.Digest) bool {
	at, err := f.Resolve(ctx, string(id), artifact.TagOf(v))
	return err == nil && at.Digest == d
}

// remote is a place at a registry.
type remote struct {
	publish.Target
	c    *client.Client
	said *[]string // by the registry
}

// warnings returns what the registry said of the publication, which was made.
func (r remote) warnings() []string { return *r.said }

func (r remote) holds(ctx context.Context, id manifest.ID, v version.Version, d artifact.Digest) bool {
	doc, err := r.c.Plugin(ctx, id)
	if err != nil {
		return false
	}
	rel, ok := doc.Find(v)
	return ok && rel.Digest == d
}

// plain is a place at a plain OCI registry.
type plain struct {
	*oci.Target
	stale *error // why its index could not be renewed
}

func (p plain) holds(ctx context.Context, _ manifest.ID, v version.Version, d artifact.Digest) bool {
	has, err := p.Has(ctx, artifact.TagOf(v), d)
	return has && err == nil
}

// note returns what went wrong beside the publication, which was made; or "".
func (p plain) note() string {
	if *p.stale == nil {
		return ""
	}
	return fmt.Sprintf("readers are slower than need be: %v", *p.stale)
}

func openPlain(to string, id manifest.ID) (place, error) {
	s, err := oci.Open(to, client.Options{Credentials: client.Docker{}})
	if err != nil {
		return nil, err
	}
	var stale error
	t, err := s.Target(id, oci.TargetOptions{Stale: func(err error) { stale = err }})
	return plain{t, &stale}, err
}

func openFolderPlace(dir string) (place, error) {
	if st, err := os.Stat(dir); err == nil && !st.IsDir() { // a bundle, for example
		return nil, fmt.Errorf("%s: %w", dir, disk.ErrNotLayout)
	}
	s, err := disk.Open(dir)
	return folder{s}, err
}

// target opens a registry, a plain one, or a folder for one plugin.
func target(to string, id manifest.ID) (place, error) {
	if oci.Is(to) {
		return openPlain(to, id)
	}
	address, err := client.IsAddress(to)
	if err != nil {
		return nil, err
	}
	if to != "" && !address {
		return openFolderPlace(to)
	}
	said := new([]string)
	c, err := registryClient(to, said)
	if err != nil {
		return nil, err
	}
	return remote{c.Target(id), c, said}, nil
}

// registryClient opens a registry. What it warns of is added to said, unless that is nil.
func registryClient(to string, said *[]string) (*client.Client, error) {
	if to == "" {
		return nil, fmt.Errorf("publish: %w", fetch.ErrNoSource)
	}
	if oci.Is(to) {
		return nil, cmdline.New("E0415", "publish a newer version, or remove the tag with a tool of the registry", "%s: a plain OCI registry keeps no withdrawals", to)
	}
	o := client.Options{Token: os.Getenv(envToken)}
	if said != nil {
		o.Warn = func(text string) { *said = append(*said, text) }
	}
	return client.New(to, o)
}

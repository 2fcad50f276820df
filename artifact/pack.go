package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/plugstead/plugstead/manifest"
)

// PackOptions are the optional properties of a pack.
type PackOptions struct {
	Created time.Time // written into the artifact; default: the Unix epoch
}

// Packed is an artifact before upload. Close removes its temporary files.
// It is a [Blobs], so that [Read] can read it back.
type Packed struct {
	Image
	blobs []PackedBlob // in push order: every blob before what refers to it
	files map[Digest]string
	bytes map[Digest][]byte
	temp  string
}

// PackedBlob is one blob or manifest of a packed artifact.
type PackedBlob struct{ Descriptor }

var _ Blobs = (*Packed)(nil)

// documents are the files whose text goes into the metadata if they are there.
var documents = []struct{ name, mediaType string }{
	{"README.md", MediaMarkdown},
	{"CHANGELOG.md", MediaMarkdown},
	{"LICENSE", MediaText},
}

// Pack makes an artifact of the plugin folder that fsys shows, which m describes.
// A payload holds the entry point of its runtime (of files alone: the folder) and the
// files that m.Files lists, nothing else. Symbolic links and special files are refused. Use the FS
// of an [os.Root] so that the system keeps reads inside the folder.
func Pack(m *manifest.Manifest, fsys fs.FS, o PackOptions) (*Packed, error) {
	if o.Created.IsZero() {
		o.Created = time.Unix(0, 0)
	}
	temp, err := os.MkdirTemp("", "plugstead-pack-")
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", m.ID, err)
	}
	p := &Packed{temp: temp, files: map[Digest]string{}, bytes: map[Digest][]byte{}}
	b := packer{Packed: p, m: m, fsys: fsys, created: o.Created.UTC()}
	if err := b.pack(); err != nil {
		return nil, errors.Join(fmt.Errorf("pack %s %s: %w", m.ID, m.Version, err), p.Close())
	}
	return p, nil
}

// Blobs lists everything to push, in order: every blob stands before the
// manifest that refers to it, and the index stands last.
func (p *Packed) Blobs() []PackedBlob { return p.blobs }

// Open implements [Blobs].
func (p *Packed) Open(_ context.Context, d Descriptor) (io.ReadCloser, error) {
	if b, ok := p.bytes[d.Digest]; ok {
		return io.NopCloser(newReader(b)), nil
	}
	if f, ok := p.files[d.Digest]; ok {
		return os.Open(f)
	}
	return nil, fmt.Errorf("%s: %w", d.Digest.Short(), fs.ErrNotExist)
}

// Close removes the temporary files of p.
func (p *Packed) Close() error { return os.RemoveAll(p.temp) }

type packer struct {
	*Packed
	m       *manifest.Manifest
	fsys    fs.FS
	created time.Time
}

// pack adds everything bottom-up and reads the result back as anybody else would.
func (b *packer) pack() error {
	index := ociIndex{SchemaVersion: 2, MediaType: MediaIndex, ArtifactType: TypePlugin}
	meta, err := b.meta()
	if err != nil {
		return err
	}
	index.Manifests = append(index.Manifests, meta)
	for _, t := range targets(b.m) {
		d, err := b.pkg(t)
		if err != nil {
			return err
		}
		index.Manifests = append(index.Manifests, d)
	}
	if index.Annotations, err = b.annotations(); err != nil {
		return err
	}
	d, err := b.document(MediaIndex, index)
	if err != nil {
		return err
	}
	d.ArtifactType = TypePlugin
	im, err := Read(context.Background(), b.Packed, d)
	if err != nil {
		return err
	}
	b.Image = *im
	return nil
}

func (b *packer) add(d Descriptor) {
	for _, x := range b.blobs {
		if x.Digest == d.Digest {
			return
		}
	}
	b.blobs = append(b.blobs, PackedBlob{d})
}

func (b *packer) raw(mediaType string, raw []byte) Descriptor {
	d := Describe(mediaType, raw)
	b.bytes[d.Digest] = raw
	b.add(d)
	return d
}

// document adds an OCI index or manifest.
func (b *packer) document(mediaType string, v any) (Descriptor, error) {
	raw, err := canonical(v)
	if err != nil {
		return Descriptor{}, err
	}
	if len(raw) > MaxManifest {
		return Descriptor{}, fmt.Errorf("manifest of %d bytes, more than the limit of %d", len(raw), MaxManifest)
	}
	return b.raw(mediaType, raw), nil
}

func (b *packer) annotations() (map[string]string, error) {
	resolve, err := FactsOf(b.m).JSON()
	if err != nil {
		return nil, err
	}
	if len(resolve) > MaxResolve {
		return nil, fmt.Errorf("what the resolver needs takes %d bytes, more than the limit of %d", len(resolve), MaxResolve)
	}
	a := map[string]string{
		AnnotationResolve: string(resolve),
		annotationTitle:   string(b.m.ID),
		annotationVersion: b.m.Version.String(),
		annotationCreated: b.created.Format(time.RFC3339),
	}
	for k, v := range map[string]string{
		annotationDescription: b.m.Summary, annotationLicenses: b.m.License,
		annotationSource: b.m.Links["source"], annotationDocs: b.m.Links["docs"], annotationURL: b.m.Links["homepage"],
	} {
		if v != "" {
			a[k] = v
		}
	}
	return a, nil
}

// meta adds plugin.json, the documents and the metadata manifest.
func (b *packer) meta() (Descriptor, error) {
	raw, err := b.m.JSON()
	if err != nil {
		return Descriptor{}, err
	}
	x := ociManifest{SchemaVersion: 2, MediaType: MediaManifest, ArtifactType: TypeMeta, Config: b.raw(MediaPlugin, raw)}
	for _, doc := range documents {
		if x.Layers, err = b.text(x.Layers, doc.name, doc.mediaType, true); err != nil {
			return Descriptor{}, err
		}
	}
	if b.m.Config != "" {
		if x.Layers, err = b.text(x.Layers, b.m.Config, MediaSchema, false); err != nil {
			return Descriptor{}, err
		}
	}
	if len(x.Layers) == 0 {
		x.Layers = []Descriptor{b.raw(MediaEmpty, []byte("{}"))}
	}
	d, err := b.document(MediaManifest, x)
	d.ArtifactType = TypeMeta
	return d, err
}

func (b *packer) text(layers []Descriptor, name, mediaType string, optional bool) ([]Descriptor, error) {
	raw, err := readText(b.fsys, name)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return layers, nil
	}
	if err != nil {
		return nil, err
	}
	d := b.raw(mediaType, raw)
	d.Annotations = map[string]string{annotationTitle: name}
	return append(layers, d), nil
}

// pkg adds payload and manifest of one target.
func (b *packer) pkg(t target) (Descriptor, error) {
	entry, _ := b.m.Runtimes.Entry(t.runtime, t.platform)
	files, err := listFiles(b.fsys, t.runtime, entry, b.m.Files)
	if err != nil {
		return Descriptor{}, err
	}
	payload, err := b.payload(files)
	if err != nil {
		return Descriptor{}, err
	}
	x := ociManifest{SchemaVersion: 2, MediaType: MediaManifest, ArtifactType: TypePackage}
	x.Config = b.raw(MediaEmpty, []byte("{}"))
	payload.Annotations = map[string]string{annotationTitle: b.m.ID.Name() + ".tar.gz"}
	x.Layers = []Descriptor{payload}
	d, err := b.document(MediaManifest, x)
	d.ArtifactType, d.Platform = TypePackage, &t.platform
	d.Annotations = map[string]string{AnnotationRuntime: t.runtime}
	return d, err
}

// payload writes a tar+gzip into the temporary folder while it is hashed.
func (b *packer) payload(files []packFile) (Descriptor, error) {
	f, err := os.CreateTemp(b.temp, "payload")
	if err != nil {
		return Descriptor{}, err
	}
	d, err := writePayload(f, b.fsys, files, b.created)
	if err := errors.Join(err, f.Close()); err != nil {
		return Descriptor{}, err
	}
	b.files[d.Digest] = filepath.Clean(f.Name())
	b.add(d)
	return d, nil
}

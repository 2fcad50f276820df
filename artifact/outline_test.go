package artifact_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/internal/plugintest"
)

// rawIndex returns the image index of p.
func rawIndex(t *testing.T, p *artifact.Packed) []byte {
	t.Helper()
	r, err := p.Open(t.Context(), p.Descriptor)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestOutline reads the same artifact in one step and in two.
func TestOutline(t *testing.T) {
	p := plugintest.Pack(t, "acme/a", "1.0.0", "requires: { acme/b: ^1 }")
	raw := rawIndex(t, p)
	o, err := artifact.ReadOutline(p.Descriptor, raw)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(o.Facts, artifact.FactsOf(p.Manifest)) || o.Digest != p.Digest || len(o.Packages) != 1 || o.Meta.Digest != p.Meta.Digest {
		t.Errorf("outline %+v", o)
	}
	got, err := o.Image(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	want, err := artifact.Read(t.Context(), p, p.Descriptor)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("image %+v, want %+v, %v", got, want, err)
	}
}

// TestOutlineThatLies is found by the step that reads plugin.json.
func TestOutlineThatLies(t *testing.T) {
	p := plugintest.Pack(t, "acme/a", "1.0.0", "requires: { acme/b: ^1 }")
	raw := rawIndex(t, p)
	for _, c := range [][2]string{{"acme/b", "acme/c"}, {`{\"id\"`, `{ \"id\"`}} {
		o, err := artifact.ReadOutline(p.Descriptor, bytes.ReplaceAll(raw, []byte(c[0]), []byte(c[1])))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Image(t.Context(), p); err == nil || !strings.Contains(err.Error(), "does not equal what plugin.json says") {
			t.Errorf("%s: %v", c[1], err)
		}
	}
	o, err := artifact.ReadOutline(p.Descriptor, raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Image(t.Context(), plugintest.Replace(p, o.Meta.Digest, "{}")); !errors.Is(err, artifact.ErrDigest) {
		t.Errorf("other metadata: %v", err)
	}
}

func TestOutlineOfSomethingElse(t *testing.T) {
	if _, err := artifact.ReadOutline(artifact.Descriptor{}, []byte(`{"schemaVersion":2,"mediaType":"`+artifact.MediaManifest+`"}`)); !errors.Is(err, artifact.ErrNotPlugin) {
		t.Error(err)
	}
	p := plugintest.Pack(t, "acme/a", "1.0.0")
	raw := rawIndex(t, p)
	for _, c := range [][2]string{{artifact.AnnotationResolve, "x"}, {`\"id\"`, `\"ID\"`}, {artifact.TypeMeta, "x"}} {
		if o, err := artifact.ReadOutline(p.Descriptor, bytes.ReplaceAll(raw, []byte(c[0]), []byte(c[1]))); err == nil {
			t.Errorf("%s: %+v", c[0], o)
		}
	}
}

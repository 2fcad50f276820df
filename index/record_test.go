package index_test

import (
	"io"
	"testing"
	"time"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/plugintest"
)

// TestOutlineRecord makes one record in both ways.
func TestOutlineRecord(t *testing.T) {
	p := plugintest.Pack(t, "acme/a", "1.0.0", "requires: { acme/b: ^1 }", "host: { acme: ^2 }")
	r, err := p.Open(t.Context(), p.Descriptor)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	o, err := artifact.ReadOutline(p.Descriptor, raw)
	if err != nil {
		t.Fatal(err)
	}
	got, err := index.OutlineRecord(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	want, err := index.RecordOf(t.Context(), p, &p.Image, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := got.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := want.JSON(); err != nil || string(a) != string(b) {
		t.Errorf("%s, want %s, %v", a, b, err)
	}
	if _, err := index.OutlineRecord(t.Context(), plugintest.Replace(p, o.Packages[0].Digest, "{}"), o); err == nil {
		t.Error("a package manifest with other bytes")
	}
}

package artifact_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/plugstead/plugstead/artifact"
)

func TestChecked(t *testing.T) {
	b := []byte("hello")
	d := artifact.Describe("x", b)
	c, err := artifact.Check(b, d)
	if err != nil || c.Digest() != d.Digest {
		t.Fatal(c, err)
	}
	got, err := io.ReadAll(artifact.Verify(c.Open(), d))
	if err != nil || !bytes.Equal(got, b) {
		t.Errorf("%q, %v", got, err)
	}
	wrong := d
	wrong.Size++
	for _, x := range []struct {
		b []byte
		d artifact.Descriptor
	}{{[]byte("hellp"), d}, {b[:4], d}, {nil, d}, {b, wrong}, {b, artifact.Descriptor{}}} {
		if c, err := artifact.Check(x.b, x.d); !errors.Is(err, artifact.ErrDigest) || c.Digest() != "" {
			t.Errorf("%q as %v: %v, %v", x.b, x.d, c, err)
		}
	}
}

// TestCheckedIsNoWayAround: bytes of one descriptor are not those of another, nor is a rest.
func TestCheckedIsNoWayAround(t *testing.T) {
	b, other := []byte("hello"), []byte("olleh")
	c, err := artifact.Check(b, artifact.Describe("x", b))
	if err != nil {
		t.Fatal(err)
	}
	begun := c.Open()
	if _, err := io.ReadFull(begun, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	long := artifact.Describe("x", b)
	long.Size = 4
	for why, x := range map[string]struct {
		r io.Reader
		d artifact.Descriptor
	}{
		"another digest": {c.Open(), artifact.Describe("x", other)},
		"another size":   {c.Open(), long},
		"what is left":   {begun, artifact.Describe("x", b)},
		"zero value":     {artifact.Checked{}.Open(), artifact.Describe("x", nil)},
	} {
		got, err := io.ReadAll(artifact.Verify(x.r, x.d))
		if why == "zero value" { // no bytes are the bytes of an empty blob; they are hashed
			if err != nil || len(got) != 0 {
				t.Errorf("%s: %q, %v", why, got, err)
			}
			continue
		}
		if !errors.Is(err, artifact.ErrDigest) {
			t.Errorf("%s: %q, %v", why, got, err)
		}
	}
}

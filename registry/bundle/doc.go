// Package bundle reads and writes plugins with their index documents as one file, for places
// where no registry can be reached. docs/spec/bundle.md describes the format.
package bundle

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

// ErrBundle says that a file is no bundle, or a damaged one. It comes wrapped with the path.
var ErrBundle = errors.New("bad bundle")

const (
	layoutName    = "oci-layout"
	indexName     = "index.json"
	availableName = "available.json"
	documents     = "index/v1/"
	blobs         = "blobs/sha256/"

	layout  = `{"imageLayoutVersion":"1.0.0"}`
	refName = "org.opencontainers.image.ref.name"

	block      = 512
	maxEntries = 1_000_000
	maxIndex   = 64 << 20
)

// header returns the one header that an entry can have.
func header(name string, size int64) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, Format: tar.FormatUSTAR})
	if err != nil {
		return nil, err
	}
	if b.Len() != block {
		return nil, fmt.Errorf("header of %q takes %d bytes", name, b.Len())
	}
	return b.Bytes(), nil
}

// padding returns how many zeros stand behind an entry.
func padding(size int64) int64 { return -size & (block - 1) }

// limit returns the largest size that an entry may have.
func limit(name string) int64 {
	switch {
	case name == layoutName:
		return int64(len(layout))
	case name == indexName:
		return maxIndex
	case name == availableName:
		return index.MaxAvailable
	case len(name) > len(documents) && name[:len(documents)] == documents:
		return index.MaxDocument
	}
	return artifact.MaxPayload
}

// checkName reports whether a bundle can have an entry of a name behind the first three.
func checkName(name string) error {
	if len(name) > len(documents) && name[:len(documents)] == documents {
		_, err := manifest.ParseID(name[len(documents):])
		return err
	}
	if len(name) > len(blobs) && name[:len(blobs)] == blobs {
		_, err := artifact.ParseDigest("sha256:" + name[len(blobs):])
		return err
	}
	return fmt.Errorf("an entry %.200q, which no bundle has", name)
}

// rank orders entries: those of a larger rank stand behind.
func rank(name string) int {
	switch {
	case name == layoutName:
		return 0
	case name == indexName:
		return 1
	case name == availableName:
		return 2
	case len(name) > len(documents) && name[:len(documents)] == documents:
		return 3
	}
	return 4
}

package registry

import (
	"bytes"
	"io"
)

// byteBlob is bytes in memory as a blob.
type byteBlob struct{ *bytes.Reader }

func (byteBlob) Close() error { return nil }

func newBytes(b []byte) io.ReadSeekCloser { return byteBlob{bytes.NewReader(b)} }

// BytesBlob shows b as an open blob.
func BytesBlob(b []byte) io.ReadSeekCloser { return newBytes(b) }

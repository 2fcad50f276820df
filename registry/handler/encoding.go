package handler

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// encoding is a content coding of RFC 9110 section 8.4.1, "" for none.
type encoding string

// The codings of the index. zstd (RFC 8878) is the smaller one, and faster to read.
const (
	encodingNone encoding = ""
	encodingGzip encoding = "gzip"
	encodingZstd encoding = "zstd"
)

const (
	minEncoded = 512     // bytes; what is smaller does not get smaller enough
	maxWindow  = 8 << 20 // bytes of memory that a reader of zstd needs
)

// negotiate chooses the coding of an answer from an Accept-Encoding header, by RFC 9110
// section 12.5.3. Of equals zstd comes first; without the header there is none.
func negotiate(header string) encoding {
	best, weight, rest := encodingNone, 0.0, 0.0
	named := map[encoding]bool{}
	for part := range strings.SplitSeq(header, ",") {
		name, parameter, _ := strings.Cut(part, ";")
		e, q := encoding(strings.ToLower(strings.TrimSpace(name))), quality(parameter)
		if e == "x-gzip" {
			e = encodingGzip
		}
		if e == "*" {
			rest = q
			continue
		}
		named[e] = true
		if (e == encodingGzip || e == encodingZstd) && (q > weight || q == weight && q > 0 && e == encodingZstd) {
			best, weight = e, q
		}
	}
	for _, e := range []encoding{encodingZstd, encodingGzip} {
		if !named[e] && rest > weight {
			best, weight = e, rest
		}
	}
	return best
}

// quality reads the parameter "q=0.5". One that makes no sense forbids the coding.
func quality(parameter string) float64 {
	parameter = strings.TrimSpace(parameter)
	if parameter == "" {
		return 1
	}
	value, ok := strings.CutPrefix(strings.ToLower(parameter), "q=")
	q, err := strconv.ParseFloat(value, 64)
	if !ok || err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}

// tag is the ETag of a representation: each coding has its own bytes, and so its own.
func (e encoding) tag(name string) string {
	if e == encodingNone {
		return `"` + name + `"`
	}
	return `"` + name + "-" + string(e) + `"`
}

// header says which coding the body has, and that there are others.
func (e encoding) header(w http.ResponseWriter) {
	w.Header().Add("Vary", "Accept-Encoding")
	if e != encodingNone {
		w.Header().Set("Content-Encoding", string(e))
	}
}

// coders are made once: each has tables of a few hundred KiB.
var (
	gzips = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(nil, gzip.DefaultCompression); return w }}
	zstds = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(maxWindow), zstd.WithEncoderLevel(zstd.SpeedDefault))
	})
)

// encode returns b in a coding. The same bytes always give the same answer.
func (e encoding) encode(b []byte) ([]byte, error) {
	switch e {
	case encodingGzip:
		var out bytes.Buffer
		w := gzips.Get().(*gzip.Writer)
		defer gzips.Put(w)
		w.Reset(&out)
		if _, err := w.Write(b); err != nil {
			return nil, err
		}
		err := w.Close()
		return out.Bytes(), err
	case encodingZstd:
		z, err := zstds()
		if err != nil {
			return nil, err
		}
		return z.EncodeAll(b, nil), nil
	}
	return b, nil
}

// writer encodes what is written to it. Close ends the coding, not w.
func (e encoding) writer(w io.Writer) (io.WriteCloser, error) {
	switch e {
	case encodingGzip:
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case encodingZstd:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithEncoderLevel(zstd.SpeedFastest))
	}
	return unencoded{w}, nil
}

// unencoded is a writer that needs no end.
type unencoded struct{ io.Writer }

// Close does nothing.
func (unencoded) Close() error { return nil }

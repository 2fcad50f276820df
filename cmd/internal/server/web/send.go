package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// minGzip is the size in bytes below which packing does not pay.
const minGzip = 1024

// send writes a body: not at all if the client has it, packed if the client can
// unpack it.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if status == http.StatusOK {
		sum := sha256.Sum256(body)
		tag := `W/"` + hex.EncodeToString(sum[:16]) + `"` // weak: the same for both encodings
		h.Set("ETag", tag)
		if matches(r.Header.Get("If-None-Match"), tag) {
			h.Del("Content-Type")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if len(body) >= minGzip && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body = compress(body)
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimSpace(t); t == tag || t == "*" || "W/"+t == tag {
			return true
		}
	}
	return false
}

// acceptsGzip reads an Accept-Encoding header.
func acceptsGzip(header string) bool {
	for t := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(t, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			_, q, found := strings.Cut(weight, "=")
			f, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
			return !found || err == nil && f > 0
		}
	}
	return false
}

package handler

import (
	"net/http"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/publish/lint"
	"github.com/plugstead/plugstead/registry"
)

// TestWarn keeps to what OCI distribution allows for all warnings of an answer.
func TestWarn(t *testing.T) {
	for _, c := range []struct{ n, length, want int }{{0, 10, 0}, {3, 10, 3}, {30, 10, registry.MaxWarnings}, {30, 1000, 10}} {
		h := http.Header{}
		warn(h, findings(c.n, strings.Repeat("x", c.length)))
		total := 0
		for _, v := range h.Values("Warning") {
			total += len(v)
		}
		if got := len(h.Values("Warning")); got != c.want || total > 4096 {
			t.Errorf("%+v: %d of %d bytes", c, got, total)
		}
	}
}

// findings makes n findings.
func findings(n int, text string) (out []lint.Finding) {
	for range n {
		out = append(out, lint.Finding{Message: text})
	}
	return out
}

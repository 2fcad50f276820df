package handler

import (
	"net/http"

	"github.com/plugstead/plugstead/publish/lint"
	"github.com/plugstead/plugstead/registry"
)

// maxWarnings is what OCI distribution allows for all warnings of an answer, in bytes.
const maxWarnings = 4096

// warn adds what a publisher should know to the header of an answer, in the form that the
// OCI distribution specification gives to warnings of registries.
func warn(h http.Header, found []lint.Finding) {
	left := maxWarnings
	for _, f := range found[:min(len(found), registry.MaxWarnings)] {
		text := registry.Warning(f.String())
		if left -= len(text); left < 0 {
			return
		}
		h.Add("Warning", text)
	}
}

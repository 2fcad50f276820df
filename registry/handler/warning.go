package handler

import (
	"net/http"

	"github.com/plugstead/plugstead/publish/lint"
	"github.com/plugstead/plugstead/registry"
)

// warn adds what a publisher should know to the header of an answer, in the form that the
// OCI distribution specification gives to warnings of registries.
func warn(h http.Header, found []lint.Finding) {
	for _, f := range found[:min(len(found), registry.MaxWarnings)] {
		h.Add("Warning", registry.Warning(f.String()))
	}
}

package handler

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/plugstead/plugstead/registry"
)

const (
	maxWait  = 10 * time.Second      // for a change that another replica made
	waitStep = 50 * time.Millisecond // between two looks
)

// revision answers with the state of the whole index, which no cache may keep. With
// ?position= it waits until the change of this number can be read.
func (h *handler) revision(w http.ResponseWriter, r *http.Request) {
	if s := r.URL.Query().Get("position"); s != "" {
		want, err := strconv.ParseInt(s, 10, 64)
		if err != nil || want < 0 {
			h.fail(w, r, &registry.Error{Code: registry.CodeQueryInvalid, Detail: "position: want the number of a change, as Plugstead-Position has it"})
			return
		}
		if err := h.wait(r.Context(), want); err != nil {
			h.fail(w, r, registry.AsError(err, registry.CodeInternal))
			return
		}
	}
	revision, err := h.b.Revision(r.Context())
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeInternal))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, map[string]string{"revision": revision})
}

// wait returns when the change with this position can be read here.
func (h *handler) wait(ctx context.Context, position int64) error {
	end := time.NewTimer(maxWait)
	defer end.Stop()
	step := time.NewTicker(waitStep)
	defer step.Stop()
	for {
		have, err := h.b.Position(ctx)
		if err != nil || have >= position {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return &registry.Error{Code: registry.CodeBehind, Detail: "change " + strconv.FormatInt(position, 10) + " is not here yet, only " + strconv.FormatInt(have, 10)}
		case <-step.C:
		}
	}
}

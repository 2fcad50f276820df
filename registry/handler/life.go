package handler

import (
	"io"
	"net/http"
	"time"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/version"
)

// DefaultRemoval is the default of Options.Removal.
const DefaultRemoval = 72 * time.Hour

// edit makes a change of the index and answers with its position.
func (h *handler) edit(w http.ResponseWriter, r *http.Request, t target, actor string, e registry.Edit, err error) {
	var rec registry.Receipt
	if err == nil {
		rec, err = h.b.Commit(detached(r), registry.Commit{Repo: t.repo, Edit: e, Actor: actor})
	}
	if err != nil {
		h.fail(w, r, registry.AsError(err, registry.CodeReleaseUnknown))
		return
	}
	writeJSON(w, map[string]any{"position": rec.Position, "changed": !rec.Existed})
}

func (h *handler) yank(w http.ResponseWriter, r *http.Request, t target, actor string) {
	y := &registry.Yank{ID: manifest.ID(t.repo), Undo: r.Method == http.MethodDelete}
	var err error
	if y.Version, err = pathVersion(r); err == nil && !y.Undo {
		y.Reason, err = readReason(r.Body)
	}
	h.edit(w, r, t, actor, y, err)
}

// quarantine serves one version, and with the path without a version all of them.
func (h *handler) quarantine(w http.ResponseWriter, r *http.Request, t target, actor string) {
	q := &registry.Quarantine{ID: manifest.ID(t.repo), Undo: r.Method == http.MethodDelete}
	var err error
	if r.PathValue("version") != "" {
		var v version.Version
		v, err = pathVersion(r)
		q.Version = &v
	}
	if err == nil && !q.Undo {
		q.Reason, err = readReason(r.Body)
	}
	h.edit(w, r, t, actor, q, err)
}

func (h *handler) removal(w http.ResponseWriter, r *http.Request, t target, actor string) {
	x := &registry.Removal{ID: manifest.ID(t.repo), Before: h.o.Now().Add(-h.o.Removal)}
	var err error
	if x.Version, err = pathVersion(r); err == nil {
		x.Reason, err = readReason(r.Body)
	}
	h.edit(w, r, t, actor, x, err)
}

func (h *handler) deprecate(w http.ResponseWriter, r *http.Request, t target, actor string) {
	d := &registry.Deprecation{ID: manifest.ID(t.repo), Undo: r.Method == http.MethodDelete}
	var err error
	if !d.Undo {
		err = readBody(r.Body, &d.Deprecation)
	}
	if err == nil {
		err = checkDeprecation(d)
	}
	h.edit(w, r, t, actor, d, err)
}

func checkDeprecation(d *registry.Deprecation) error {
	if err := index.CheckReason(d.Message); err != nil {
		return &registry.Error{Code: registry.CodeQueryInvalid, Detail: "message: " + err.Error()}
	}
	if d.Replacement == "" {
		return nil
	}
	if _, err := manifest.ParseID(string(d.Replacement)); err != nil {
		return &registry.Error{Code: registry.CodeQueryInvalid, Detail: "replacement: " + err.Error()}
	}
	if d.Replacement == d.ID {
		return &registry.Error{Code: registry.CodeQueryInvalid, Detail: "replacement: want another plugin"}
	}
	return nil
}

func (h *handler) channel(w http.ResponseWriter, r *http.Request, t target, actor string) {
	c := &registry.Channel{ID: manifest.ID(t.repo), Name: r.PathValue("channel"), Undo: r.Method == http.MethodDelete}
	err := index.CheckChannel(c.Name)
	if err != nil {
		err = &registry.Error{Code: registry.CodeQueryInvalid, Detail: err.Error()}
	}
	if err == nil && !c.Undo {
		var x struct {
			Version version.Version `json:"version"`
		}
		err = readBody(r.Body, &x)
		c.Version = x.Version
	}
	h.edit(w, r, t, actor, c, err)
}

func pathVersion(r *http.Request) (version.Version, error) {
	v, err := version.Parse(r.PathValue("version"))
	if err != nil {
		return v, &registry.Error{Code: registry.CodeReleaseUnknown, Detail: err.Error()}
	}
	return v, nil
}

// readReason reads {"reason":"…"}, or nothing.
func readReason(body io.Reader) (string, error) {
	var x struct {
		Reason string `json:"reason"`
	}
	if err := readBody(body, &x); err != nil {
		return "", err
	}
	if err := index.CheckReason(x.Reason); err != nil {
		return "", &registry.Error{Code: registry.CodeQueryInvalid, Detail: "reason: " + err.Error()}
	}
	return x.Reason, nil
}

// readBody reads a JSON object, in which every key is known, or nothing at all.
func readBody(body io.Reader, into any) error {
	b, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err == nil && len(b) > 0 {
		err = strictjson.Unmarshal(b, into, strictjson.Limits{Size: maxBody, Depth: 8})
	}
	if err != nil {
		return &registry.Error{Code: registry.CodeQueryInvalid, Detail: "body: " + err.Error(), Err: err}
	}
	return nil
}

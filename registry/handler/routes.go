package handler

import (
	"net/http"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/registry"
)

// Route is one thing that can be asked of a registry.
type Route struct {
	Method string // GET stands for HEAD, too
	Path   string // {repo} may have slashes
	Action Action // what Options.Access is asked for; "": everybody may
	kind   kind   // of paths under /v2
	serve  func(h *handler, w http.ResponseWriter, r *http.Request, t target, actor string)
}

// kind is what the path of a request under /v2 names.
type kind string

// The kinds, by the part of the path that stands for them.
const (
	kindBlob      kind = "blobs"
	kindUploads   kind = "blobs/uploads/" // all of them
	kindUpload    kind = "blobs/uploads"  // one
	kindManifest  kind = "manifests"
	kindTags      kind = "tags/list"
	kindReferrers kind = "referrers"
)

// routes is the one table of what a registry answers, and of who may ask for it.
var routes = []Route{
	{"GET", registry.RouteDiscovery, "", "", open((*handler).discovery)},
	{"GET", registry.RouteIndex, "", "", open((*handler).document)},
	{"GET", registry.RouteIndexAt, "", "", open((*handler).documentAt)},
	{"GET", registry.RouteRevision, "", "", open((*handler).revision)},
	{"GET", registry.RouteNames, "", "", open((*handler).names)},
	{"GET", registry.RouteSearch, "", "", open((*handler).search)},
	{"PUT", registry.RouteYank, ActionPush, "", (*handler).yank},
	{"DELETE", registry.RouteYank, ActionPush, "", (*handler).yank},
	{"PUT", registry.RouteDeprecation, ActionPush, "", (*handler).deprecate},
	{"DELETE", registry.RouteDeprecation, ActionPush, "", (*handler).deprecate},
	{"PUT", registry.RouteChannel, ActionPush, "", (*handler).channel},
	{"DELETE", registry.RouteChannel, ActionPush, "", (*handler).channel},
	{"PUT", registry.RouteRemoval, ActionDelete, "", (*handler).removal},
	{"PUT", registry.RouteQuarantine, ActionAdmin, "", (*handler).quarantine},
	{"DELETE", registry.RouteQuarantine, ActionAdmin, "", (*handler).quarantine},
	{"PUT", registry.RouteQuarantineAll, ActionAdmin, "", (*handler).quarantine},
	{"DELETE", registry.RouteQuarantineAll, ActionAdmin, "", (*handler).quarantine},

	{"GET", registry.RouteOCI + "{$}", "", "", open((*handler).ping)},
	{"GET", "/v2/{repo}/blobs/{digest}", ActionPull, kindBlob, (*handler).getBlob},
	{"DELETE", "/v2/{repo}/blobs/{digest}", ActionDelete, kindBlob, (*handler).deleteBlob},
	{"POST", "/v2/{repo}/blobs/uploads/", ActionPush, kindUploads, (*handler).startUpload},
	{"GET", "/v2/{repo}/blobs/uploads/{upload}", ActionPush, kindUpload, (*handler).uploadStatus},
	{"PATCH", "/v2/{repo}/blobs/uploads/{upload}", ActionPush, kindUpload, (*handler).patchUpload},
	{"PUT", "/v2/{repo}/blobs/uploads/{upload}", ActionPush, kindUpload, (*handler).putUpload},
	{"DELETE", "/v2/{repo}/blobs/uploads/{upload}", ActionPush, kindUpload, (*handler).cancelUpload},
	{"GET", "/v2/{repo}/manifests/{reference}", ActionPull, kindManifest, (*handler).getManifest},
	{"PUT", "/v2/{repo}/manifests/{reference}", ActionPush, kindManifest, (*handler).putManifest},
	{"DELETE", "/v2/{repo}/manifests/{reference}", ActionDelete, kindManifest, (*handler).deleteManifest},
	{"GET", "/v2/{repo}/tags/list", ActionPull, kindTags, (*handler).getTags},
	{"GET", "/v2/{repo}/referrers/{digest}", ActionPull, kindReferrers, (*handler).getReferrers},
}

// Routes returns the table of routes. The order may change.
func Routes() []Route { return slices.Clone(routes) }

// open makes an entry of the table of what everybody may ask for.
func open(serve func(*handler, http.ResponseWriter, *http.Request)) func(*handler, http.ResponseWriter, *http.Request, target, string) {
	return func(h *handler, w http.ResponseWriter, r *http.Request, _ target, _ string) { serve(h, w, r) }
}

// mux serves the table.
func (h *handler) mux() http.Handler {
	m := http.NewServeMux()
	of := map[kind][]Route{}
	for _, x := range routes {
		if x.kind != "" {
			of[x.kind] = append(of[x.kind], x)
			continue
		}
		m.HandleFunc(x.Method+" "+x.Path, func(w http.ResponseWriter, r *http.Request) { h.api(w, r, x) })
	}
	m.HandleFunc(registry.RouteOCI, func(w http.ResponseWriter, r *http.Request) { h.oci(w, r, of) })
	return m
}

// api serves a route that is not under /v2. Those that change something name a plugin.
func (h *handler) api(w http.ResponseWriter, r *http.Request, x Route) {
	if x.Action == "" {
		x.serve(h, w, r, target{}, "")
		return
	}
	id, err := pathID(r)
	if err != nil {
		h.fail(w, r, registry.AsError(err, ""))
		return
	}
	if actor, ok := h.allow(w, r, Access{string(id), x.Action}); ok {
		x.serve(h, w, r, target{repo: string(id)}, actor)
	}
}

// oci serves the routes under /v2.
func (h *handler) oci(w http.ResponseWriter, r *http.Request, of map[kind][]Route) {
	ociHeader(w)
	t, ok := parseTarget(strings.TrimPrefix(r.URL.Path, registry.RouteOCI))
	if !ok {
		h.fail(w, r, &registry.Error{Code: registry.CodeNameUnknown, Detail: "no such route"})
		return
	}
	if !isRepo(t.repo) {
		h.fail(w, r, &registry.Error{Code: registry.CodeNameInvalid, Detail: "repository name: want lower-case letters, digits, . _ - and slashes"})
		return
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var known []string
	for _, x := range of[t.kind] {
		if x.Method == method {
			if actor, ok := h.allow(w, r, Access{t.repo, x.Action}); ok {
				x.serve(h, w, r, t, actor)
			}
			return
		}
		if known = append(known, x.Method); x.Method == http.MethodGet {
			known = append(known, http.MethodHead)
		}
	}
	h.unsupported(w, r, known, r.Method+" is not possible here")
}

// unsupported answers 405 with the methods that are possible.
func (h *handler) unsupported(w http.ResponseWriter, r *http.Request, known []string, why string) {
	w.Header().Set("Allow", strings.Join(known, ", "))
	h.fail(w, r, &registry.Error{Code: registry.CodeUnsupported, Detail: why})
}

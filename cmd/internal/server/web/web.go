// Package web is the catalogue of a registry: pages for people.
//
// Every page is made on the server, works without scripts and is read only. What
// plugins say of themselves is shown as text; a README becomes HTML through a
// Markdown renderer that drops raw HTML and a sanitiser behind it, under a content
// security policy that allows neither scripts nor anything from other hosts.
package web

import (
	"bytes"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"

	"github.com/plugstead/plugstead/registry"
)

// Options are the optional properties of a catalogue.
type Options struct {
	// Log gets internal errors. Default: they are dropped.
	Log *slog.Logger
}

// New returns the catalogue of b. It serves
//
//	/                             search form and the first plugins
//	/search?q=&point=&runtime=    results
//	/p/{ns}/{name}                the latest release of a plugin, or who offers the name
//	/p/{ns}/{name}/{version}      one release
//	/p/{ns}/{name}/versions       all releases
//	/static/                      style sheet and icon
//
// and answers everything else with a page that says so. The handler allows
// concurrent requests.
func New(b registry.Backend, o Options) http.Handler {
	s := &site{b: b, o: o, assets: loadAssets(), details: newDetailCache(b)}
	if s.o.Log == nil {
		s.o.Log = slog.New(slog.DiscardHandler)
	}
	s.pages = parsePages(s.assets)
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", s.home)
	m.HandleFunc("GET /search", s.search)
	m.HandleFunc("GET /p/{ns}/{name}", s.plugin)
	m.HandleFunc("GET /p/{ns}/{name}/versions", s.versions)
	m.HandleFunc("GET /p/{ns}/{name}/{version}", s.plugin)
	m.HandleFunc("GET /static/{hash}/{file}", s.static)
	m.HandleFunc("GET /", s.unknown)
	return secure(m)
}

type site struct {
	b       registry.Backend
	o       Options
	assets  map[string]asset
	pages   map[string]*template.Template
	details *detailCache
}

// policy allows our own style sheet and icon, our own search form, and nothing else.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets the headers that every answer has.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// page is what the layout needs; Data is for the template of the page.
type page struct {
	Title       string
	Description string
	Front       bool // the page has its own search form
	Hidden      bool // not for search engines
	Data        any
}

// show writes a page. Nothing is sent before the template has run to its end.
func (s *site) show(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, "layout.html", p); err != nil {
		s.o.Log.Error("page", "template", name, "path", r.URL.Path, "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if status == http.StatusOK {
		w.Header().Set("Cache-Control", "no-cache") // ask again, with the ETag
	} else {
		w.Header().Set("Cache-Control", "no-store")
	}
	send(w, r, status, b.Bytes())
}

// problem is the page of an error.
type problem struct {
	Status  int
	Title   string
	Text    string
	Similar []result
}

func (s *site) fail(w http.ResponseWriter, r *http.Request, p problem) {
	s.show(w, r, p.Status, "problem.html", page{Title: p.Title, Hidden: true, Data: p})
}

// broken answers a request that failed through no fault of its own.
func (s *site) broken(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		s.o.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	s.fail(w, r, problem{
		Status: http.StatusInternalServerError, Title: "The registry has a problem",
		Text: "This page could not be made. The operator finds the reason in the log.",
	})
}

func (s *site) unknown(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, problem{Status: http.StatusNotFound, Title: "No such page", Text: fmt.Sprintf("There is nothing at %.200s.", r.URL.Path)})
}

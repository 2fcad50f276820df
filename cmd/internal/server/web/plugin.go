package web

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// document reads the index document that a request names. If it is not ok, the
// request is answered.
func (s *site) document(w http.ResponseWriter, r *http.Request) (p *index.Plugin, ok bool) {
	id, err := manifest.ParseID(r.PathValue("ns") + "/" + r.PathValue("name"))
	if err != nil {
		s.fail(w, r, problem{
			Status: http.StatusNotFound, Title: "No such plugin",
			Text: "The name of a plugin has the form namespace/name, in lower-case letters and digits.",
		})
		return nil, false
	}
	raw, _, err := s.b.Document(r.Context(), id)
	if errors.Is(err, index.ErrNotFound) {
		s.fail(w, r, problem{
			Status: http.StatusNotFound, Title: "No such plugin",
			Text: fmt.Sprintf("Nobody has published %s here.", id), Similar: s.similar(r.Context(), id),
		})
		return nil, false
	}
	if err == nil {
		p, err = index.Parse(id, raw)
	}
	if err != nil {
		s.broken(w, r, err)
		return nil, false
	}
	return p, true
}

// plugin shows one release: the one that is asked for, or the latest.
func (s *site) plugin(w http.ResponseWriter, r *http.Request) {
	p, ok := s.document(w, r)
	if !ok {
		return
	}
	if len(p.Releases) == 0 && len(p.Providers) > 0 && r.PathValue("version") == "" {
		s.offered(w, r, p)
		return
	}
	rel, ok := choose(p, r.PathValue("version"))
	if !ok {
		s.fail(w, r, problem{
			Status: http.StatusNotFound, Title: "No such version",
			Text:    fmt.Sprintf("%s has no version %.100s.", p.ID, r.PathValue("version")),
			Similar: s.similar(r.Context(), p.ID),
		})
		return
	}
	d, err := s.details.get(r.Context(), rel)
	if err != nil && r.Context().Err() == nil {
		s.o.Log.Error("artifact cannot be read", "plugin", string(p.ID), "version", rel.Version.String(), "err", err)
	}
	v := newPluginView(p, rel, d)
	s.show(w, r, http.StatusOK, "plugin.html", page{
		Title: fmt.Sprintf("%s %s", p.ID, rel.Version), Description: v.Summary, Hidden: v.Yanked != nil, Data: v,
	})
}

// offeredView is the data of the page of a name that nobody has published.
type offeredView struct {
	ID        manifest.ID
	Providers []link
}

// offered shows who offers a name.
func (s *site) offered(w http.ResponseWriter, r *http.Request, p *index.Plugin) {
	s.show(w, r, http.StatusOK, "offered.html", page{
		Title: string(p.ID), Description: fmt.Sprintf("Plugins that offer %s", p.ID), Data: offeredView{p.ID, namesOf(p.Providers)},
	})
}

// choose returns the release of a version, or the one to show if text is empty: the
// latest, or the newest if all are withdrawn.
func choose(p *index.Plugin, text string) (*index.Release, bool) {
	if text != "" {
		v, err := version.Parse(text)
		if err != nil {
			return nil, false
		}
		return p.Find(v)
	}
	if r, ok := p.Latest(); ok {
		return r, true
	}
	if len(p.Releases) == 0 {
		return nil, false
	}
	return newestFirst(p)[0], true
}

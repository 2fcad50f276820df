package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

const (
	maxResults = 50
	maxText    = 200 // bytes of search text
	maxSimilar = 5
)

// result is one plugin in a list.
type result struct {
	ID      manifest.ID
	URL     string
	Version version.Version
	Summary string
}

// results is the data of the search page.
type results struct {
	Query    index.Query
	Runtimes []choice
	Problem  string // what is wrong with the query
	Asked    bool   // there is a query
	Hits     []result
	More     bool // there are more than are shown
}

// choice is an entry of a list to choose from.
type choice struct {
	Value, Label string
	Selected     bool
}

func runtimeChoices(selected string) []choice {
	out := []choice{{Label: "any"}}
	for _, name := range manifest.PackageRuntimes() {
		out = append(out, choice{Value: name, Label: runtimeName(name)})
	}
	for i := range out {
		out[i].Selected = out[i].Value == selected
	}
	return out
}

// parseQuery reads the parameters of the search form. problem is a sentence for the
// page; with it comes what may be shown of the query, so that it can be mended.
func parseQuery(v url.Values) (q index.Query, problem string) {
	q = index.Query{Text: strings.TrimSpace(v.Get("q")), Point: strings.TrimSpace(v.Get("point")), Runtime: v.Get("runtime")}
	switch {
	case !utf8.ValidString(q.Text) || len(q.Text) > maxText:
		q.Text = beginning(q.Text)
		problem = "The search text is too long or no text at all. Use a few words."
	case q.Point != "" && manifest.CheckPointID(q.Point) != nil:
		q.Point = beginning(q.Point)
		problem = "The name of an extension point looks like acme.dev/greeter."
	case q.Runtime != "" && !slices.Contains(manifest.PackageRuntimes(), q.Runtime):
		q.Runtime = ""
		problem = "There is no such runtime."
	}
	return q, problem
}

// beginning keeps of a wrong text what the form can show again.
func beginning(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxText)], "")
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	s.results(w, r, page{
		Title: "Plugins", Description: "Find plugins, read what they ask for, and install them.",
	}, results{Runtimes: runtimeChoices("")})
}

func (s *site) search(w http.ResponseWriter, r *http.Request) {
	q, problem := parseQuery(r.URL.Query())
	p := page{Title: "Search", Hidden: true}
	if q.Text != "" {
		p.Title = "Search for " + q.Text
	}
	s.results(w, r, p, results{
		Query: q, Problem: problem, Runtimes: runtimeChoices(q.Runtime),
		Asked: q.Text != "" || q.Point != "" || q.Runtime != "",
	})
}

// results fills in what the query finds and shows the page.
func (s *site) results(w http.ResponseWriter, r *http.Request, p page, d results) {
	status := http.StatusOK
	if d.Problem != "" {
		status = http.StatusBadRequest
	} else {
		hits, err := s.find(r.Context(), d.Query, maxResults+1)
		if err != nil {
			s.broken(w, r, err)
			return
		}
		d.More = len(hits) > maxResults
		d.Hits = hits[:min(len(hits), maxResults)]
	}
	p.Front, p.Data = true, d
	s.show(w, r, status, "search.html", p)
}

func (s *site) find(ctx context.Context, q index.Query, limit int) ([]result, error) {
	q.Limit = limit
	var out []result
	for h, err := range s.b.Search(ctx, q) {
		if err != nil {
			return nil, err
		}
		out = append(out, result{h.ID, pluginURL(h.ID), h.Version, h.Summary})
	}
	return out, nil
}

// similar finds plugins with a name like id, for a page that says that id is
// unknown. It is a courtesy: it fails without a word.
func (s *site) similar(ctx context.Context, id manifest.ID) []result {
	for _, text := range []string{id.Name(), id.Namespace()} {
		if hits, err := s.find(ctx, index.Query{Text: text}, maxSimilar); err == nil && len(hits) > 0 {
			return hits
		}
	}
	return nil
}

// pluginURL is the address of the page of a plugin.
func pluginURL(id manifest.ID) string { return "/p/" + string(id) }

// pointURL is the address of a search for the plugins of an extension point.
func pointURL(point string) string { return "/search?" + url.Values{"point": {point}}.Encode() }

// wordURL is the address of a search for a word.
func wordURL(word string) string { return "/search?" + url.Values{"q": {word}}.Encode() }

package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

const (
	fewVersions     = 10  // on the page of a plugin
	versionsPerPage = 100 // on a page of all versions
)

// versionRow is a line of a list of versions.
type versionRow struct {
	link
	Date    string
	Pre     bool
	Yanked  *index.Yank
	Current bool
}

// newestFirst returns the releases in the order of versions.
func newestFirst(p *index.Plugin) []*index.Release {
	out := make([]*index.Release, len(p.Releases))
	for i := range p.Releases {
		out[i] = &p.Releases[i]
	}
	slices.SortStableFunc(out, func(a, b *index.Release) int { return b.Version.Compare(a.Version) })
	return out
}

func rowsOf(id manifest.ID, list []*index.Release, current version.Version) []versionRow {
	var out []versionRow
	for _, r := range list {
		row := versionRow{
			link: link{pluginURL(id) + "/" + url.PathEscape(r.Version.String()), r.Version.String()},
			Pre:  r.Version.Pre != "", Yanked: r.State.Yanked, Current: r.Version == current,
		}
		if !r.Time.IsZero() {
			row.Date = r.Time.UTC().Format("2006-01-02")
		}
		out = append(out, row)
	}
	return out
}

// versionsView is the data of the page of all versions.
type versionsView struct {
	ID           manifest.ID
	URL          string
	Total        int
	Versions     []versionRow
	Page, Pages  int
	Newer, Older string // addresses of the pages before and after, or ""
}

func (s *site) versions(w http.ResponseWriter, r *http.Request) {
	p, ok := s.document(w, r)
	if !ok {
		return
	}
	if len(p.Releases) == 0 && len(p.Providers) > 0 {
		s.offered(w, r, p)
		return
	}
	all := newestFirst(p)
	pages := max(1, (len(all)+versionsPerPage-1)/versionsPerPage)
	n, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("page"), "1"))
	if err != nil || n < 1 || n > pages {
		s.fail(w, r, problem{Status: http.StatusNotFound, Title: "No such page", Text: fmt.Sprintf("The versions of %s fill %d pages.", p.ID, pages)})
		return
	}
	v := versionsView{ID: p.ID, URL: pluginURL(p.ID), Total: len(all), Page: n, Pages: pages}
	first := (n - 1) * versionsPerPage
	v.Versions = rowsOf(p.ID, all[first:min(first+versionsPerPage, len(all))], version.Version{})
	at := func(n int) string { return fmt.Sprintf("%s/versions?page=%d", v.URL, n) }
	if n > 1 {
		v.Newer = at(n - 1)
	}
	if n < pages {
		v.Older = at(n + 1)
	}
	s.show(w, r, http.StatusOK, "versions.html", page{Title: "Versions of " + string(p.ID), Data: v})
}

package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
)

// maxListed is how many versions, names and offers are listed one by one.
const maxListed = 4

// available says what there is of the plugin that l asks for. If l asks for a choice it
// says so of each name in it, and who offers that in which versions.
func (s *Solver) available(l *leaf) []string {
	if l.target.choice == nil {
		return []string{published(l.target)}
	}
	var out []string
	for _, m := range l.target.choice.list[:min(len(l.target.choice.list), maxListed)] {
		p := s.plugin(m.ID)
		for _, line := range append([]string{published(p)}, s.offers(p)...) {
			if !slices.Contains(out, line) {
				out = append(out, line)
			}
		}
	}
	return out
}

// published lists the versions of p.
func published(p *plugin) string {
	if len(p.versions) == 0 {
		return "nothing is published of " + string(p.id)
	}
	if n := len(p.versions); n > maxListed {
		return fmt.Sprintf("published of %s: %d versions from %s to %s", p.id, n, p.versions[0], p.versions[n-1])
	}
	var list []string
	for _, v := range p.versions {
		list = append(list, v.String())
	}
	return fmt.Sprintf("published of %s: %s", p.id, strings.Join(list, ", "))
}

// offers says in which versions others offer the name of p.
func (s *Solver) offers(p *plugin) []string {
	var out []string
	if p.doc == nil {
		return nil
	}
	for _, id := range slices.Sorted(slices.Values(p.doc.Providers)) {
		if list := offered(s.plugin(id).releases, p.id); list != "" && len(out) < maxListed {
			out = append(out, fmt.Sprintf("%s offers %s %s", id, p.id, list))
		}
	}
	return out
}

// offered lists the versions in which releases offer a name, the latest ones if they
// are many.
func offered(releases []*index.Release, id manifest.ID) string {
	var list []string
	for _, r := range releases {
		for _, o := range r.Offers {
			if v := o.Version.String(); o.ID == id && !slices.Contains(list, v) {
				list = append(list, v)
			}
		}
	}
	return strings.Join(list[max(0, len(list)-maxListed):], ", ")
}

package index

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/manifest"
)

// maxCapability is the length of a capability in bytes, of kinds not known here too.
const maxCapability = 300

// check makes sure that a record is of the form that docs/spec/index.md describes. Who
// takes a record further, to a lock or a screen, relies on it.
func (r *Record) check(id manifest.ID, a *accepted) error {
	if r.ID != id {
		return fmt.Errorf("record of %.200q in the document of %s", r.ID, id)
	}
	if r.Version.IsZero() {
		return fmt.Errorf("record of %s without a version", id)
	}
	if err := r.checkParts(a); err != nil {
		return fmt.Errorf("record of %s %s: %w", id, r.Version, err)
	}
	return nil
}

func (r *Record) checkParts(a *accepted) error {
	if err := checkRef(Ref{r.Digest, r.Size}); err != nil {
		return err
	}
	if err := r.checkPackages(a); err != nil {
		return err
	}
	for _, n := range []int{len(r.Requires), len(r.AnyOf), len(r.Conflicts), len(r.Provides), len(r.Host), len(r.Capabilities)} {
		if n > manifest.MaxList {
			return fmt.Errorf("a list of %d entries, more than the limit of %d", n, manifest.MaxList)
		}
	}
	if err := checkNeeds(&r.Facts, a); err != nil {
		return err
	}
	if err := checkOffers(&r.Facts); err != nil {
		return err
	}
	return checkNames(&r.Facts, a)
}

func checkRef(f Ref) error { return artifact.Descriptor{Digest: f.Digest, Size: f.Size}.Check() }

func (r *Record) checkPackages(a *accepted) error {
	var seen map[target]bool
	if len(r.Packages) > 1 {
		seen = make(map[target]bool, len(r.Packages))
	}
	for _, p := range r.Packages {
		if err := checkRef(p.Manifest); err != nil {
			return err
		}
		if err := checkRef(p.Payload); err != nil {
			return err
		}
		if err := a.target(target{p.Runtime, p.Platform}); err != nil {
			return err
		}
		t := target{p.Runtime, p.Platform}
		if seen[t] {
			return fmt.Errorf("two packages for %s on %s", p.Runtime, p.Platform)
		}
		if seen != nil {
			seen[t] = true
		}
	}
	return nil
}

// checkNeeds looks at the names of other plugins. A name twice would make it depend on
// the reader which of the ranges counts.
func checkNeeds(f *artifact.Facts, a *accepted) error {
	if err := checkList(f.Requires, true, a); err != nil {
		return fmt.Errorf("requires: %w", err)
	}
	if err := checkList(f.Conflicts, false, a); err != nil {
		return fmt.Errorf("conflicts: %w", err)
	}
	for _, list := range f.AnyOf {
		if err := checkList(list, false, a); err != nil {
			return fmt.Errorf("any_of: %w", err)
		}
		if len(list) < 2 || len(list) > manifest.MaxList {
			return fmt.Errorf("any_of: a choice of %d names, want 2 to %d", len(list), manifest.MaxList)
		}
	}
	return nil
}

func checkList(list []manifest.Need, options bool, a *accepted) error {
	seen := make(map[manifest.ID]bool, len(list))
	for _, n := range list {
		if err := a.id(n.ID); err != nil {
			return err
		}
		if seen[n.ID] {
			return fmt.Errorf("%s twice", n.ID)
		}
		if !options && (n.Optional || n.Init) {
			return fmt.Errorf("%s with optional or init, which are for requires only", n.ID)
		}
		seen[n.ID] = true
	}
	return nil
}

func checkOffers(f *artifact.Facts) error {
	if n := len(f.Offers); n > manifest.MaxOffers {
		return fmt.Errorf("offers: %d names, more than the limit of %d", n, manifest.MaxOffers)
	}
	if len(f.Offers) == 0 {
		return nil
	}
	seen := make(map[manifest.ID]bool, len(f.Offers))
	for _, o := range f.Offers {
		if err := o.Check(); err != nil {
			return fmt.Errorf("offers: %w", err)
		}
		if o.ID == f.ID || seen[o.ID] {
			return fmt.Errorf("offers: %s is its own name, or there twice", o.ID)
		}
		seen[o.ID] = true
	}
	return nil
}

// checkNames makes sure that what others are asked for, and people are shown, has
// the form that plugin.json would need. Kinds of capabilities may be newer than
// this program.
func checkNames(f *artifact.Facts, a *accepted) error {
	type major struct {
		id     string
		number int
	}
	var seen map[major]bool
	if len(f.Provides) > 1 {
		seen = make(map[major]bool, len(f.Provides))
	}
	for _, p := range f.Provides {
		if err := a.point(p); err != nil {
			return err
		}
		if seen[major{p.ID, p.Major}] {
			return fmt.Errorf("provides: %s twice with major %d", p.ID, p.Major)
		}
		if seen != nil {
			seen[major{p.ID, p.Major}] = true
		}
	}
	for app := range f.Host {
		if err := a.app(app); err != nil {
			return err
		}
	}
	for _, c := range f.Capabilities {
		if c == "" || len(c) > maxCapability || strings.ContainsFunc(string(c), func(r rune) bool { return !unicode.IsPrint(r) }) {
			return fmt.Errorf("capability %.200q: %w", c, manifest.ErrSyntax)
		}
	}
	return nil
}

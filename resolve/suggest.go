package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// Suggestion is a change of the problem that was tried and has a solution.
type Suggestion struct {
	Do     Remedy          `json:"do"`
	Plugin manifest.ID     `json:"plugin,omitempty"`
	To     version.Version `json:"to,omitzero"` // version of the plugin, or of the application
	Text   string          `json:"text"`
	Effect Effect          `json:"effect"`
}

// Effect counts what following a suggestion would do to what is installed.
type Effect struct {
	Install int `json:"install"`
	Change  int `json:"change"`
}

// Remedy is the kind of a suggestion.
type Remedy string

// The remedies, the cheapest first.
const (
	AllowAge       Remedy = "allow-age"       // lift the age rules for a plugin
	AllowPre       Remedy = "allow-pre"       // take pre-releases of a plugin
	AllowYanked    Remedy = "allow-yanked"    // ask for a yanked version by its number
	OtherRange     Remedy = "other-range"     // ask for another version
	AskFor         Remedy = "ask-for"         // ask for a plugin that offers what is needed
	LiftRule       Remedy = "lift-rule"       // drop a pin, an exclusion or an override
	AllowDowngrade Remedy = "allow-downgrade" // let an installed plugin become older
	AnyUpdate      Remedy = "any-update"      // do not limit the step of an update
	UpgradeHost    Remedy = "upgrade-host"    // use a newer version of the application
	Without        Remedy = "without"         // do without a wish
)

// Bounds of the search for suggestions.
const (
	maxTries       = 16
	maxSuggestions = 3
)

// attempt is a problem that may have a solution.
type attempt struct {
	Suggestion
	cost    int
	problem Problem
	text    func(*Solution) string
}

// help adds what could help: names like an unknown one, and changes of p.
func (f *Failure) help(ctx context.Context, s *Solver, p Problem) {
	if near := s.nearest(f.ID); f.Kind == Unknown && len(near) > 0 {
		f.Lead += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	f.Suggestions = s.suggest(ctx, p, f)
}

// suggest tries changes of p, the cheapest first, and returns those that have a
// solution. It makes no use of s but for its documents.
func (s *Solver) suggest(ctx context.Context, p Problem, f *Failure) []Suggestion {
	list := s.attempts(p, f)
	slices.SortStableFunc(list, func(a, b attempt) int { return a.cost - b.cost })
	var out []Suggestion
	for i, a := range list {
		if i >= maxTries || len(out) == maxSuggestions {
			break
		}
		a.problem.NoSuggestions, a.problem.Keep = true, false
		sol, err := s.Solve(ctx, a.problem)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			continue
		}
		a.Text = a.text(sol)
		a.Effect = effect(sol, p.Locked)
		if !slices.ContainsFunc(out, func(o Suggestion) bool { return o.Text == a.Text }) {
			out = append(out, a.Suggestion)
		}
	}
	return out
}

// effect compares a solution with what is installed.
func effect(sol *Solution, locked *Lock) Effect {
	var e Effect
	for _, c := range sol.Choices {
		if l, ok := locked.Find(c.ID); !ok {
			e.Install++
		} else if l.Digest != c.Release.Digest {
			e.Change++
		}
	}
	return e
}

// attempts lists what could help against each leaf of the proof.
func (s *Solver) attempts(p Problem, f *Failure) []attempt {
	t := &tries{s: s, p: p}
	for _, l := range f.leaves {
		if l.wish >= 0 {
			t.wishes++
		}
	}
	for _, l := range f.leaves {
		switch {
		case l.wish >= 0:
			t.wish(l)
		case l.need == nil && l.of.choice != nil:
			t.providers(l)
		case l.need == nil:
			t.refusal(Kind(l.kind), l)
		}
		if l.need != nil && l.target != nil && l.target.choice == nil && s.onlyPre(l) {
			t.pre(l.target)
		}
	}
	return t.list
}

// tries collects attempts.
type tries struct {
	s    *Solver
	p    Problem
	list []attempt

	wishes int // that have a part in the failure
}

func (t *tries) add(cost int, do Remedy, id manifest.ID, p Problem, text func(*Solution) string) {
	t.list = append(t.list, attempt{Suggestion: Suggestion{Do: do, Plugin: id}, cost: cost, problem: p, text: text})
}

func plain(format string, args ...any) func(*Solution) string {
	return func(*Solution) string { return fmt.Sprintf(format, args...) }
}

// wish tries another version of what was asked for, and to do without it.
func (t *tries) wish(l leaf) {
	id := l.need.id
	p := t.p
	p.Wishes = slices.Clone(t.p.Wishes)
	if !p.Wishes[l.wish].Range.IsAny() {
		p.Wishes[l.wish].Range = version.Any
		t.add(4, OtherRange, id, p, func(sol *Solution) string {
			if c, ok := sol.Find(id); ok {
				return fmt.Sprintf("ask for %s@%s", id, c.Release.Version)
			}
			return fmt.Sprintf("ask for any version of %s", id)
		})
	}
	if t.wishes > 1 {
		p := t.p
		p.Wishes = slices.Delete(slices.Clone(t.p.Wishes), l.wish, l.wish+1)
		t.add(10, Without, id, p, plain("do without %s", id))
	}
}

func (t *tries) pre(of *plugin) {
	p := t.p
	p.Wishes = slices.Clone(p.Wishes)
	i := slices.IndexFunc(p.Wishes, func(w Wish) bool { return w.ID == of.id })
	if i >= 0 {
		p.Wishes[i].Pre = true
	} else {
		p.Rules.Pre = true
	}
	t.add(2, AllowPre, of.id, p, func(sol *Solution) string {
		if c, ok := sol.Find(of.id); ok {
			return fmt.Sprintf("take the pre-release %s %s", of.id, c.Release.Version)
		}
		return fmt.Sprintf("take pre-releases of %s", of.id)
	})
}

// providers tries to ask for each plugin that offers what is needed.
func (t *tries) providers(l leaf) {
	for i, o := range l.of.choice.options {
		if !l.set.Has(i) {
			continue
		}
		p := t.p
		p.Wishes = append(slices.Clone(p.Wishes), Wish{ID: o.by.id})
		t.add(3, AskFor, o.by.id, p, plain("ask for %s as well, which offers %s", o.by.id, words(l.of.choice.text)))
	}
}

// refusal tries to lift what keeps versions away.
func (t *tries) refusal(k Kind, l leaf) {
	id, p := l.of.id, t.p
	r := &p.Rules
	switch k {
	case Age:
		r.AgeExempt = append(slices.Clone(r.AgeExempt), id)
		t.add(1, AllowAge, id, p, func(sol *Solution) string {
			if c, ok := sol.Find(id); ok && !c.Release.Time.IsZero() {
				return fmt.Sprintf("lift the age rule for %s (%s, published %s)", id, c.Release.Version, c.Release.Time.UTC().Format("2006-01-02"))
			}
			return "lift the age rule for " + string(id)
		})
	case Yanked:
		t.yanked(l)
	case Pinned:
		r.Pins = slices.DeleteFunc(slices.Clone(r.Pins), func(x Pin) bool { return x.ID == id })
		t.add(5, LiftRule, id, p, plain("unpin %s", id))
	case Excluded:
		r.Excludes = slices.DeleteFunc(slices.Clone(r.Excludes), func(x Wish) bool { return x.ID == id })
		t.add(5, LiftRule, id, p, plain("stop excluding versions of %s", id))
	case Older:
		r.Downgrade = true
		t.add(6, AllowDowngrade, id, p, func(sol *Solution) string {
			if c, ok := sol.Find(id); ok {
				return fmt.Sprintf("allow a downgrade of %s to %s", id, c.Release.Version)
			}
			return "allow a downgrade of " + string(id)
		})
	case TooFar:
		r.Step = AnyStep
		t.add(6, AnyUpdate, id, p, plain("update without a limit"))
	case HostRange:
		t.host(l)
	}
}

// yanked tries the newest refused version by its exact number.
func (t *tries) yanked(l leaf) {
	v := l.of.versions[l.set.Top()]
	p := t.p
	p.Wishes = slices.DeleteFunc(slices.Clone(p.Wishes), func(w Wish) bool { return w.ID == l.of.id })
	p.Wishes = append(p.Wishes, Wish{ID: l.of.id, Range: version.Exact(v)})
	t.add(3, AllowYanked, l.of.id, p, plain("ask for the yanked %s@=%s by its number", l.of.id, v))
}

// host tries the oldest newer version of the application that a refused version names
// as its lower bound.
func (t *tries) host(l leaf) {
	seen := map[version.Version]bool{}
	for i := l.set.Top(); i >= 0 && len(seen) < 4; i-- {
		if !l.set.Has(i) {
			continue
		}
		rng, ok := l.of.releases[i].Host[t.p.Host.App]
		if !ok {
			continue
		}
		v, ok := rng.Lowest(t.p.Host.Version)
		if !ok || seen[v] {
			continue
		}
		seen[v] = true
		p := t.p
		p.Host.Version = v
		t.add(8, UpgradeHost, l.of.id, p, plain("upgrade %s to %s", p.Host.App, v))
		t.list[len(t.list)-1].To = v
	}
}

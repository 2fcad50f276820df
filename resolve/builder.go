package resolve

import (
	"slices"
	"strings"

	"github.com/plugstead/plugstead/resolve/internal/pubgrub"
)

// build fills the proof of the latest search into f.
func (s *Solver) build(f *Failure) *builder {
	b := &builder{s: s, f: f, known: make([]int32, len(s.plugins))}
	proof := s.engine.Proof()
	b.grow(proof)
	for i := range proof {
		b.node(&proof[i])
	}
	return b
}

// builder turns the nodes of the engine into those of a Failure.
type builder struct {
	s      *Solver
	f      *Failure
	known  []int32          // by plugin: one more than its index in Failure.Plugins
	at     []int            // by node of the engine: node of the failure, or -1
	terms  [][]pubgrub.Term // by node of the failure
	leaves []leaf

	allTerms  []Term // those of all nodes in a row
	allStates [][2]int
}

// grow makes room for what a proof takes as a rule.
func (b *builder) grow(proof []pubgrub.Node) {
	terms := 0
	for i := range proof {
		terms += len(proof[i].Terms)
	}
	n := len(proof)
	b.at, b.terms, b.leaves = make([]int, 0, n), make([][]pubgrub.Term, 0, n), make([]leaf, 0, n)
	b.f.Nodes = make([]Node, 0, n)
	b.allTerms, b.allStates = make([]Term, 0, terms), make([][2]int, 0, 2*terms)
}

func (b *builder) node(n *pubgrub.Node) {
	switch {
	case len(n.Causes) > 0:
		b.derived(n)
	case n.Wish >= 0:
		w := &b.s.wants[n.Wish]
		b.leaf(leaf{kind: NodeWish, need: w, wish: n.Wish, target: b.s.plugins[n.Terms[0].Package]}, n.Terms)
	case n.Need != nil:
		d := b.s.needs[n.Need.ID]
		kind := NodeKind(d.field)
		if d.owner.choice != nil {
			kind = NodeOption
		}
		b.leaf(leaf{kind: kind, need: d, wish: -1, of: d.owner, set: n.Terms[0].Set, target: b.s.plugins[n.Terms[1].Package]}, n.Terms)
	default:
		b.at = append(b.at, -1) // refusals are put in where they are used
	}
}

func (b *builder) leaf(l leaf, terms []pubgrub.Term) {
	n := Node{Kind: l.kind, Need: l.need.text(), Reason: l.reason}
	if l.of != nil {
		n.By = l.of.name()
	}
	l.node = len(b.f.Nodes)
	b.leaves = append(b.leaves, l)
	b.add(n, terms)
}

func (b *builder) add(n Node, terms []pubgrub.Term) {
	n.Terms = b.termsOf(terms)
	b.f.Nodes = append(b.f.Nodes, n)
	b.terms = append(b.terms, terms)
	b.at = append(b.at, len(b.f.Nodes)-1)
}

// derived adds a conclusion. A refusal among its causes becomes one node for each
// reason that matters there.
func (b *builder) derived(n *pubgrub.Node) {
	out := Node{Kind: NodeDerived, Causes: make([]Cause, 0, len(n.Causes))}
	var terms []pubgrub.Term
	for _, c := range n.Causes {
		if i := b.at[c.Node]; i >= 0 {
			out.Causes = append(out.Causes, Cause{i, b.on(c.On)})
			terms = pubgrub.Resolve(terms, b.terms[i], c.On)
			continue
		}
		have := terms[slices.IndexFunc(terms, func(t pubgrub.Term) bool { return t.Package == c.On })]
		for _, r := range b.refusals(b.s.plugins[c.On], have.Set) {
			out.Causes = append(out.Causes, Cause{r, b.on(c.On)})
			terms = pubgrub.Resolve(terms, b.terms[r], c.On)
		}
		terms = b.open(terms)
	}
	terms = b.open(terms)
	b.add(out, terms)
}

// open drops terms that hold in every state.
func (b *builder) open(terms []pubgrub.Term) []pubgrub.Term {
	return slices.DeleteFunc(terms, func(t pubgrub.Term) bool {
		return pubgrub.Full(len(b.s.plugins[t.Package].versions)).Within(t.Set)
	})
}

func (b *builder) on(p int32) int {
	if p < 0 {
		return -1
	}
	return b.plugin(p)
}

// refusals returns the nodes that say why the states of p that are not in have are
// refused.
func (b *builder) refusals(p *plugin, have pubgrub.Set) []int {
	missing := pubgrub.Full(len(p.versions)).Minus(have)
	var out []int
	for _, r := range b.s.reasons(p, missing) {
		found := slices.IndexFunc(b.leaves, func(l leaf) bool {
			return l.need == nil && l.of == p && l.kind == NodeKind(r.kind) && l.reason == r.reason && r.set.Within(l.set)
		})
		if found >= 0 {
			out = append(out, b.leaves[found].node)
			continue
		}
		b.leaves = append(b.leaves, leaf{kind: NodeKind(r.kind), wish: -1, of: p, set: r.set, reason: r.reason, node: len(b.f.Nodes)})
		terms := []pubgrub.Term{{Package: p.number, Set: r.set}}
		b.f.Nodes = append(b.f.Nodes, Node{Kind: NodeKind(r.kind), By: p.name(), Reason: r.reason, Terms: b.termsOf(terms)})
		b.terms = append(b.terms, terms)
		out = append(out, len(b.f.Nodes)-1)
	}
	return out
}

// grounds is a refusal with its words.
type grounds struct {
	refusal
	reason string
}

// maxReasons bounds how many different reasons of one kind are told apart.
const maxReasons = 8

// reasons lists why the versions of p in missing are refused. Versions with the same
// reason share an entry.
func (s *Solver) reasons(p *plugin, missing pubgrub.Set) []grounds {
	if p.choice != nil {
		return []grounds{{refusal{Provider, missing}, "offered by others only; ask for one of them by name"}}
	}
	var out []grounds
	for _, r := range s.admit(p).refused {
		first := len(out)
		for i := len(p.versions) - 1; i >= 0; i-- {
			if !r.set.Has(i) || !missing.Has(i) {
				continue
			}
			why := s.why(r.kind, p, p.releases[i])
			j := slices.IndexFunc(out[first:], func(g grounds) bool { return g.reason == why })
			if j < 0 && len(out)-first >= maxReasons {
				j = maxReasons - 1
			}
			if j < 0 {
				out = append(out, grounds{refusal{r.kind, pubgrub.NewSet(len(p.versions))}, why})
				j = len(out) - 1 - first
			}
			out[first+j].set.Add(i)
		}
	}
	return out
}

func (b *builder) termsOf(terms []pubgrub.Term) []Term {
	first := len(b.allTerms)
	for _, t := range terms {
		p, at := b.s.plugins[t.Package], len(b.allStates)
		b.allStates = appendStates(b.allStates, t.Set)
		b.allTerms = append(b.allTerms, Term{Plugin: b.plugin(t.Package), States: slices.Clip(b.allStates[at:]), Text: p.phrase(t.Set)})
	}
	return slices.Clip(b.allTerms[first:])
}

// appendStates appends the intervals of a set.
func appendStates(out [][2]int, set pubgrub.Set) [][2]int {
	for lo, hi := set.Next(0); lo < hi; lo, hi = set.Next(hi) {
		out = append(out, [2]int{lo, hi})
	}
	return out
}

// plugin returns the index of a package in Failure.Plugins.
func (b *builder) plugin(number int32) int {
	if i := b.known[number]; i > 0 {
		return int(i) - 1
	}
	p := b.s.plugins[number]
	b.f.Plugins = append(b.f.Plugins, Known{Plugin: p.name(), Versions: p.texts(), Options: p.choice != nil})
	b.known[number] = int32(len(b.f.Plugins))
	return len(b.f.Plugins) - 1
}

// texts returns what Known.Versions says of p, made when first asked for.
func (p *plugin) texts() []string {
	if p.text != nil {
		return p.text
	}
	p.text = make([]string, len(p.versions))
	for i, v := range p.versions {
		if p.choice != nil {
			p.text[i] = string(p.choice.options[i].by.id)
		} else {
			p.text[i] = v.String()
		}
	}
	return p.text
}

// name returns the id of a plugin, or what a choice is about.
func (p *plugin) name() string {
	if p.choice != nil {
		return p.choice.text
	}
	return string(p.id)
}

func (n *need) text() string {
	switch {
	case n.said != "":
	case n.target == nil:
		n.said = anyOfText(n.anyOf)
	default:
		n.said = Wish{ID: n.id, Range: n.rng}.String()
	}
	return n.said
}

// words says what is needed, for people.
func (n *need) words() string { return words(n.text()) }

func words(text string) string { return strings.ReplaceAll(text, "@", " ") }

package pubgrub

import "slices"

// Term says that the state of a package is in a set.
type Term struct {
	Package int32
	Set     Set
}

// Node is a statement of a proof: its terms do not all hold. A node is exactly one of
// a wish, a need, a refusal (the versions of a package that are not in its Base) and
// a conclusion from other nodes.
type Node struct {
	Terms  []Term
	Wish   int   // number of the wish, or -1
	Need   *Need // or nil
	From   int32 // the package that has Need
	Causes []Cause
}

// Cause is one step to a conclusion. The first cause gives the terms to start with;
// each other one is resolved with what there is: the sets of On are united and vanish
// if they cover all states, the sets of every other common package are intersected.
type Cause struct {
	Node int
	On   int32 // -1 in the first cause
}

// Proof says why the latest solve found no solution. Each node stands behind its
// causes, and the last one has no terms: it cannot be true.
func (s *Solver) Proof() []Node {
	w := &prover{s: s, node: make([]int, len(s.clauses)), refused: map[int32]int{}}
	ids := w.reachable()
	w.nodes = make([]Node, 0, len(ids)+1)
	for _, id := range ids {
		w.clause(id)
	}
	w.conclude(s.final)
	return w.nodes
}

// prover writes the nodes of a proof.
type prover struct {
	s       *Solver
	nodes   []Node
	node    []int         // by clause
	refused map[int32]int // by package
}

// reachable returns the clauses that the end of the proof rests on, ascending, which
// is behind their causes.
func (w *prover) reachable() []int32 {
	seen := make([]bool, len(w.s.clauses))
	var out, todo []int32
	add := func(chain []link) {
		for _, l := range chain {
			if !seen[l.c] {
				seen[l.c] = true
				todo = append(todo, l.c)
			}
		}
	}
	add(w.s.final)
	for len(todo) > 0 {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		out = append(out, c)
		add(w.s.clauses[c].chain)
	}
	slices.Sort(out)
	return out
}

func (w *prover) clause(id int32) {
	c := &w.s.clauses[id]
	if c.chain != nil {
		w.node[id] = w.conclude(c.chain)
		return
	}
	n := Node{Wish: -1, Need: c.need, From: c.from}
	if c.need == nil {
		n.Wish, n.From = int(c.from), -1
	}
	n.Terms = c.terms
	if c.moot {
		n.Terms = c.terms[:2]
	}
	w.nodes = append(w.nodes, n)
	w.node[id] = len(w.nodes) - 1
}

// conclude replays a chain and adds the node it leads to.
func (w *prover) conclude(chain []link) int {
	n := Node{Wish: -1, From: -1, Causes: make([]Cause, 0, len(chain))}
	for _, l := range chain {
		cause := w.node[l.c]
		n.Causes = append(n.Causes, Cause{cause, l.p})
		n.Terms = Resolve(n.Terms, w.nodes[cause].Terms, l.p)
		n.dropCovered(w)
	}
	w.nodes = append(w.nodes, n)
	return len(w.nodes) - 1
}

// dropCovered removes terms that hold in every state that is not refused.
func (n *Node) dropCovered(w *prover) {
	for i := 0; i < len(n.Terms); i++ {
		t := n.Terms[i]
		base := w.s.at[t.Package].pkg.Base
		if !base.Within(t.Set) {
			continue
		}
		if refused := w.refusal(t.Package); refused >= 0 && !Full(w.s.at[t.Package].pkg.Versions).Within(t.Set) {
			n.Causes = append(n.Causes, Cause{refused, t.Package})
		}
		n.Terms = slices.Delete(n.Terms, i, i+1)
		i--
	}
}

// refusal returns the node that says which versions of p are refused, or -1.
func (w *prover) refusal(p int32) int {
	if i, ok := w.refused[p]; ok {
		return i
	}
	k := w.s.at[p].pkg
	refused := Full(k.Versions).Minus(k.Base)
	i := -1
	if !refused.Empty() {
		w.nodes = append(w.nodes, Node{Wish: -1, From: p, Terms: []Term{{p, refused}}})
		i = len(w.nodes) - 1
	}
	w.refused[p] = i
	return i
}

// Resolve returns what follows from two lists of terms that do not all hold: the sets
// of package on are united, those of every other common package intersected. It may
// change a, but not b nor any set. With no terms a it returns a copy of b.
func Resolve(a, b []Term, on int32) []Term {
	out := a
	for _, t := range b {
		i := slices.IndexFunc(out, func(x Term) bool { return x.Package == t.Package })
		switch {
		case i < 0:
			out = append(out, t)
		case t.Package == on:
			out[i].Set = out[i].Set.Union(t.Set)
		default:
			out[i].Set = out[i].Set.And(t.Set)
		}
	}
	return out
}

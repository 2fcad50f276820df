package pubgrub

import "errors"

// ErrBudget says that the search took more steps or learned more clauses than allowed.
var ErrBudget = errors.New("gave up: too many combinations")

// Source describes the packages of a problem. A solver calls it from one goroutine.
type Source interface {
	// Package returns package p of the problem. It is called once in a solve, when
	// p is first needed, and may block.
	Package(p int32) (*Package, error)
	// Open returns the package that a hard need asks for and the states of it that
	// break the need. It may block.
	Open(n *Need) (target int32, bad Set, err error)
	// Weak returns the states of package q that break a weak need, or nil if the
	// need is not about q. It is called when q is touched and q or one of its
	// Topics is the topic of n.
	Weak(n *Need, q int32) Set
	// Continue is called now and then and ends the solve with its error.
	Continue() error
}

// Package is one package of a problem. The solver changes nothing in it.
type Package struct {
	Versions int                 // how many there are
	Base     Set                 // "absent", and every version that nothing outside the search refuses
	Stable   Set                 // versions to prefer over all others; nil: no preference
	Prefer   int                 // the version to prefer over all others, or -1
	Lowest   bool                // prefer old versions over new ones
	Needs    func(v int) []*Need // of a version; called when it is about to be decided
	Topics   []int32             // other topics of weak needs that this package belongs to
}

// Need is what some versions of a package ask of another package. It is shared by
// all solves over one set of packages and never changes.
type Need struct {
	ID    int32 // numbers needs from 0
	From  Set   // the versions that have it
	Weak  bool  // asks for no package: an optional need or a conflict
	Topic int32 // of a weak need: the package it is about, or what others belong to
}

// Wish is a need of the problem itself.
type Wish struct {
	Target int32
	Bad    Set // states of Target that break it
}

// Budget bounds one solve. Zero fields mean the defaults.
type Budget struct {
	Steps   int // decisions and conflicts; default 2,000,000
	Clauses int // learned ones; default 200,000
	Touched int // packages looked at; default 50,000
}

func (b Budget) orDefault() Budget {
	if b.Steps <= 0 {
		b.Steps = 2_000_000
	}
	if b.Clauses <= 0 {
		b.Clauses = 200_000
	}
	if b.Touched <= 0 {
		b.Touched = 50_000
	}
	return b
}

// Stats counts what a solve did.
type Stats struct{ Steps, Conflicts, Learned, Decided int }

// Best returns the version to decide first for a package with the states dom, or -1 if
// there is none.
func (k *Package) Best(dom Set) int {
	if k.Prefer >= 0 && dom.Has(k.Prefer) {
		return k.Prefer
	}
	if k.Lowest {
		if k.Stable != nil {
			if v := bottomOfBoth(dom, k.Stable); v >= 0 {
				return v
			}
		}
		return dom.Bottom()
	}
	if k.Stable != nil {
		if v := topOfBoth(dom, k.Stable); v >= 0 {
			return v
		}
	}
	return dom.Top()
}

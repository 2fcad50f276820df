package pubgrub

// narrow makes dom the domain of p because of a clause, or of a decision.
func (s *Solver) narrow(p int32, dom Set, cause int32) {
	s.trail = append(s.trail, entry{p: p, level: s.level, cause: cause, dom: dom})
	s.at[p].history = append(s.at[p].history, int32(len(s.trail)-1))
	before := s.at[p].domain
	s.at[p].domain = dom
	s.enqueue(p)
	if cause >= 0 && !dom.HasAbsent() && (before.HasAbsent() || dom.single()) {
		s.want(p)
	}
}

func (s *Solver) enqueue(p int32) {
	if !s.at[p].queued {
		s.at[p].queued = true
		s.queue = append(s.queue, p)
	}
}

// propagate draws all conclusions. It returns false if the problem has no solution.
func (s *Solver) propagate() (bool, error) {
	for {
		bad := s.checkUnits()
		for bad < 0 && len(s.queue) > 0 {
			p := s.queue[len(s.queue)-1]
			s.queue = s.queue[:len(s.queue)-1]
			s.at[p].queued = false
			bad = s.visit(p)
		}
		if bad < 0 {
			return true, nil
		}
		if ok, err := s.learn(bad); !ok || err != nil {
			return false, err
		}
	}
}

// checkUnits applies the clauses with one term, which hold at every level. It returns
// one that is broken, or -1.
func (s *Solver) checkUnits() int32 {
	for len(s.again) > 0 {
		c := s.again[len(s.again)-1]
		s.again = s.again[:len(s.again)-1]
		if !s.assertUnit(c) {
			s.again = append(s.again, c)
			return c
		}
	}
	return -1
}

// assertUnit removes the only term of c from the domain of its package. It reports
// false if nothing would be left.
func (s *Solver) assertUnit(c int32) bool {
	t := &s.clauses[c].terms[0]
	switch dom := s.at[t.Package].domain; {
	case dom.Within(t.Set):
		return false
	case !dom.Disjoint(t.Set):
		s.exclude(t, c)
	}
	return true
}

func (s *Solver) exclude(t *Term, cause int32) {
	cur := s.at[t.Package].domain
	dom := Set(s.domains.take(len(cur)))
	for i := range dom {
		dom[i] = cur[i] &^ t.Set[i]
	}
	s.narrow(t.Package, dom, cause)
}

// visit looks at the clauses that watch p. It returns one whose terms all hold, or -1.
func (s *Solver) visit(p int32) int32 {
	dom := s.at[p].domain
	list := s.at[p].watches
	kept := 0
	for i := range list {
		w := &list[i]
		if dom[w.word]&w.lacks != 0 || w.other >= 0 && s.at[w.other].domain[w.at]&w.meets == 0 {
			list[kept] = *w
			kept++
			continue
		}
		id := w.c
		c := &s.clauses[id]
		own, other := 0, 1
		if c.terms[0].Package != p {
			own, other = 1, 0
		}
		if n := dom.outside(c.terms[own].Set); n >= 0 {
			w.word, w.lacks = int32(n), ^c.terms[own].Set[n]
		} else if s.moveWatch(c, own, id) {
			continue
		} else {
			t := &c.terms[other]
			switch od := s.at[t.Package].domain; {
			case od.Disjoint(t.Set):
			case od.Within(t.Set):
				kept += copy(list[kept:], list[i:])
				s.at[p].watches = list[:kept]
				s.enqueue(p)
				return id
			default:
				s.exclude(t, id)
			}
			w.remember(t)
		}
		list[kept] = *w
		kept++
	}
	s.at[p].watches = list[:kept]
	return -1
}

// remember keeps t as the term to ask for before the next look, if that is one word.
func (w *watch) remember(t *Term) {
	if i := t.Set.onlyWord(); i >= 0 {
		w.other, w.at, w.meets = t.Package, int32(i), t.Set[i]
	}
}

// moveWatch lets clause id watch another term that does not hold yet, instead of its
// term at own. It reports whether there is one.
func (s *Solver) moveWatch(c *clause, own int, id int32) bool {
	for k := 2; k < len(c.terms); k++ {
		if t := c.terms[k]; !s.at[t.Package].domain.Within(t.Set) {
			c.terms[own], c.terms[k] = t, c.terms[own]
			s.watch(t, id)
			return true
		}
	}
	return false
}

// backtrack undoes all levels above l.
func (s *Solver) backtrack(l int32) {
	for len(s.trail) > 0 {
		e := &s.trail[len(s.trail)-1]
		if e.level <= l {
			break
		}
		p := e.p
		l := &s.at[p]
		l.history = l.history[:len(l.history)-1]
		if n := len(l.history); n > 0 {
			l.domain = s.trail[l.history[n-1]].dom
		} else {
			l.domain = l.pkg.Base
		}
		if e.cause < 0 {
			s.at[p].decided = false
			s.todo.push(s.key(p))
		} else if len(s.clauses[e.cause].terms) == 1 {
			s.again = append(s.again, e.cause)
		}
		s.domains.give(e.dom)
		s.trail = s.trail[:len(s.trail)-1]
	}
	s.level = l
	for _, p := range s.queue {
		s.at[p].queued = false
	}
	s.queue = s.queue[:0]
}

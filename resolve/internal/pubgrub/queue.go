package pubgrub

// decisions is a heap of packages that may have to be decided. A key is made of what
// orders packages; an entry whose package has changed since is dropped or put back
// when it comes up.
type decisions []uint64

// conflictsPerStep is how many conflicts move a package one step ahead of others.
const conflictsPerStep = 4

// key orders packages: more conflicts first, then a single version left, then the
// package that was touched first.
func (s *Solver) key(p int32) uint64 {
	k := uint64(1<<30-1-min(s.at[p].conflicts/conflictsPerStep, 1<<30-1)) << 33
	if !s.at[p].domain.single() {
		k |= 1 << 32
	}
	return k | uint64(s.at[p].rank)
}

func (d *decisions) push(k uint64) {
	h := append(*d, k)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up] <= k {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = k
	*d = h
}

func (d *decisions) pop() uint64 {
	h := *d
	out, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	i := 0
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if h[c] >= last {
			break
		}
		h[i] = h[c]
		i = c
	}
	if len(h) > 0 {
		h[i] = last
	}
	*d = h
	return out
}

// want puts p among the packages to decide if something needs it.
func (s *Solver) want(p int32) {
	if !s.at[p].decided && !s.at[p].domain.HasAbsent() {
		s.todo.push(s.key(p))
	}
}

// next returns the package to decide now, or -1 if all that is needed is decided.
func (s *Solver) next() int32 {
	for len(s.todo) > 0 {
		k := s.todo.pop()
		p := s.touched[uint32(k)]
		if s.at[p].decided || s.at[p].domain.HasAbsent() {
			continue
		}
		if now := s.key(p); now != k {
			if now > k { // it lost its place; a better one is in the heap already
				s.todo.push(now)
			}
			continue
		}
		return p
	}
	return -1
}

package pubgrub

import "math/bits"

// Set is a set of states of one package: bit 0 is "absent", bit i+1 version i, in
// ascending order. All sets of one package have the same length.
type Set []uint64

// Words returns the length of the sets of a package with n versions.
func Words(n int) int { return n/64 + 1 }

// NewSet returns the empty set of a package with n versions.
func NewSet(n int) Set { return make(Set, Words(n)) }

// Full returns every state of a package with n versions.
func Full(n int) Set {
	s := NewSet(n)
	s.AddRange(0, n+1)
	return s
}

// Absent returns the set of the state "absent" alone.
func Absent(n int) Set {
	s := NewSet(n)
	s[0] = 1
	return s
}

// Has reports whether version i is in s.
func (s Set) Has(i int) bool { return s[(i+1)>>6]&(1<<uint((i+1)&63)) != 0 }

// HasAbsent reports whether "absent" is in s.
func (s Set) HasAbsent() bool { return s[0]&1 != 0 }

// Add adds version i.
func (s Set) Add(i int) { s[(i+1)>>6] |= 1 << uint((i+1)&63) }

// AddRange adds the states lo to hi-1, where state 0 is "absent".
func (s Set) AddRange(lo, hi int) {
	for lo < hi {
		w, from := lo>>6, lo&63
		n := min(64-from, hi-lo)
		s[w] |= (^uint64(0) >> uint(64-n)) << uint(from)
		lo += n
	}
}

// Invert turns s, a set of a package with n versions, into the states it does not have.
func (s Set) Invert(n int) {
	for i := range s {
		s[i] = ^s[i]
	}
	s[len(s)-1] &= ^uint64(0) >> uint(63-n&63)
}

// Empty reports whether s has no state.
func (s Set) Empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// Count returns how many states s has.
func (s Set) Count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Within reports whether every state of s is in t.
func (s Set) Within(t Set) bool {
	t = t[:len(s)]
	for i, w := range s {
		if w&^t[i] != 0 {
			return false
		}
	}
	return true
}

// Disjoint reports whether s and t have no state in common.
func (s Set) Disjoint(t Set) bool {
	t = t[:len(s)]
	for i, w := range s {
		if w&t[i] != 0 {
			return false
		}
	}
	return true
}

// Next returns the first run of states in s from state i on, as lo <= state < hi. If
// there is none, lo and hi are equal.
func (s Set) Next(i int) (lo, hi int) {
	if lo = s.find(i, 0); lo == 64*len(s) {
		return lo, lo
	}
	return lo, s.find(lo, ^uint64(0))
}

// find returns the first state from i on that is in s, with flip in all its words, or
// the number of bits.
func (s Set) find(i int, flip uint64) int {
	for n := i >> 6; n < len(s); n++ {
		w := s[n] ^ flip
		if n == i>>6 {
			w &= ^uint64(0) << uint(i&63)
		}
		if w != 0 {
			return n*64 + bits.TrailingZeros64(w)
		}
	}
	return 64 * len(s)
}

// Top returns the newest version in s, or -1 if there is none.
func (s Set) Top() int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != 0 {
			return i*64 + 62 - bits.LeadingZeros64(s[i])
		}
	}
	return -1
}

// Bottom returns the oldest version in s, or -1 if there is none.
func (s Set) Bottom() int {
	for i, w := range s {
		if i == 0 {
			w &^= 1
		}
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w) - 1
		}
	}
	return -1
}

// topOfBoth returns the newest version in s and t, or -1.
func topOfBoth(s, t Set) int {
	for i := len(s) - 1; i >= 0; i-- {
		if w := s[i] & t[i]; w != 0 {
			return i*64 + 62 - bits.LeadingZeros64(w)
		}
	}
	return -1
}

func bottomOfBoth(s, t Set) int {
	for i := range s {
		w := s[i] & t[i]
		if i == 0 {
			w &^= 1
		}
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w) - 1
		}
	}
	return -1
}

// outside returns the first word of s with a state that is not in t, or -1.
func (s Set) outside(t Set) int {
	t = t[:len(s)]
	for i, w := range s {
		if w&^t[i] != 0 {
			return i
		}
	}
	return -1
}

func (s Set) single() bool {
	found := false
	for _, w := range s {
		if w == 0 {
			continue
		}
		if found || w&(w-1) != 0 {
			return false
		}
		found = true
	}
	return found
}

// Union returns the states of s and t.
func (s Set) Union(t Set) Set {
	r := make(Set, len(s))
	for i := range s {
		r[i] = s[i] | t[i]
	}
	return r
}

// Minus returns the states of s that are not in t.
func (s Set) Minus(t Set) Set {
	r := make(Set, len(s))
	for i := range s {
		r[i] = s[i] &^ t[i]
	}
	return r
}

// And returns the states that are in both.
func (s Set) And(t Set) Set {
	r := make(Set, len(s))
	for i := range s {
		r[i] = s[i] & t[i]
	}
	return r
}

// onlyWord returns the word with all states of s, or -1 if there is more than one.
func (s Set) onlyWord() int {
	at := -1
	for i, w := range s {
		if w != 0 && at >= 0 {
			return -1
		}
		if w != 0 {
			at = i
		}
	}
	return at
}

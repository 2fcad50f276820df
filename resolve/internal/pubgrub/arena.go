package pubgrub

// arena hands out slices that live until the next reset, or until they are given back.
type arena[T any] struct {
	chunk []T
	next  int
}

func (a *arena[T]) take(n int) []T {
	if a.next+n > len(a.chunk) {
		a.chunk = make([]T, max(2*len(a.chunk), n, 1024))
		a.next = 0
	}
	out := a.chunk[a.next : a.next+n : a.next+n]
	a.next += n
	return out
}

// give takes back what was handed out last. What lies in an earlier chunk waits for the
// next reset.
func (a *arena[T]) give(x []T) {
	if from := a.next - len(x); from >= 0 && &a.chunk[from] == &x[0] {
		a.next = from
	}
}

// reset makes the latest, largest chunk free again. What was handed out is dead.
func (a *arena[T]) reset() { a.next = 0 }

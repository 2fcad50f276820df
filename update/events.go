package update

import "github.com/plugstead/plugstead/fetch"

// and returns events that tell e first, then f.
func (e Events) and(f Events) Events {
	return Events{
		Fetch: fetch.Events{Progress: both(e.Fetch.Progress, f.Fetch.Progress), Fetched: both(e.Fetch.Fetched, f.Fetch.Fetched)},
		Step:  both(e.Step, f.Step), Aside: both(e.Aside, f.Aside), Returned: both(e.Returned, f.Returned),
	}
}

// both returns a function that calls f and then g, without those that are nil.
func both[T any](f, g func(T)) func(T) {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	return func(x T) { f(x); g(x) }
}

// begins tells that a step does.
func (e Events) begins(step string) {
	if e.Step != nil {
		e.Step(step)
	}
}

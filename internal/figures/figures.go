// Package figures holds what all benchmarks say in the same way.
package figures

import (
	"fmt"
	"slices"
	"time"
)

// Target is one line of a result: a value that should be at most the bound, or at least.
type Target struct {
	Name    string
	Value   float64 // not a number where there is nothing to compare with
	Bound   float64
	AtLeast bool
}

// String returns "target NAME VALUE <= BOUND ok", or the same with "MISSED"; ">=" for AtLeast.
func (t Target) String() string {
	op, ok := "<=", t.Value <= t.Bound // false for a value that is not a number: the peer is absent
	if t.AtLeast {
		op, ok = ">=", t.Value >= t.Bound
	}
	word := "MISSED"
	if ok {
		word = "ok"
	}
	return fmt.Sprintf("target %s %.3g %s %g %s", t.Name, t.Value, op, t.Bound, word)
}

// P10 is the tenth percentile, near the cost without disturbance.
func P10(list []time.Duration) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/10]
}

// Median is the middle one.
func Median(list []time.Duration) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// P99 is the 99th percentile, what one call in a hundred takes at least.
func P99(list []time.Duration) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)*99/100]
}

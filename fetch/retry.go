package fetch

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// ErrUnreachable says that a source did not answer, or not to the end. Trying again
// may help.
var ErrUnreachable = errors.New("registry cannot be reached")

// Defaults of [Retry].
const (
	DefaultRetries   = 4
	DefaultRetryBase = 200 * time.Millisecond
	DefaultRetryCap  = 10 * time.Second
)

// Retry says how often and when something is tried again that failed for a reason that
// may pass. The zero value is ready. It may be copied and used concurrently.
type Retry struct {
	Times int           // tries after the first; default [DefaultRetries], negative: none
	Base  time.Duration // longest wait before the second try, doubled for each further one; default [DefaultRetryBase]
	Cap   time.Duration // longest wait of all; default [DefaultRetryCap]
	// Random returns a number from 0 to 1, without 1; it is called by several goroutines.
	// Default: the generator of math/rand/v2.
	Random func() float64
	// Sleep waits for d or returns the cause of the end of ctx. It is called by several
	// goroutines. Default: a timer.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Limit returns how many tries there are after the first.
func (r Retry) Limit() int {
	switch {
	case r.Times < 0:
		return 0
	case r.Times == 0:
		return DefaultRetries
	}
	return r.Times
}

// Delay returns a wait before try n+1, where n is at least 1: any time up to the base
// doubled n-1 times, so that clients that failed together do not come back together.
func (r Retry) Delay(n int) time.Duration {
	longest, limit := r.Base, r.Cap
	if longest <= 0 {
		longest = DefaultRetryBase
	}
	if limit <= 0 {
		limit = DefaultRetryCap
	}
	for ; n > 1 && longest < limit; n-- {
		longest *= 2
	}
	random := r.Random
	if random == nil {
		random = rand.Float64
	}
	return time.Duration(random() * float64(min(longest, limit)))
}

// Wait waits for d. It returns the cause at once when ctx ends, and nil otherwise.
func (r Retry) Wait(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if r.Sleep != nil {
		return r.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/plugstead/plugstead/internal/bench/echo"
	"github.com/plugstead/plugstead/internal/figures"
)

// swaps replaces the process of a plugin 20 times under 8 callers and counts the calls
// that are lost.
func swaps(ctx context.Context, images programs) ([]figures.Target, error) {
	set := newSet()
	p, err := set.Put(ctx, images.process)
	if err != nil {
		return nil, err
	}
	var end atomic.Bool
	var calls, lost atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for !end.Load() {
				calls.Add(1)
				if out, err := echo.Echo.Call(ctx, p, small); err != nil || out.Name != small.Name {
					lost.Add(1)
				}
			}
		})
	}
	for range 20 {
		_, e := set.Put(ctx, images.process)
		err = errors.Join(err, e)
	}
	end.Store(true)
	wg.Wait()
	fmt.Printf("20 swaps under %d callers: %d of %d calls lost\n", callers, lost.Load(), calls.Load())
	return []figures.Target{{Name: "swaps-calls-lost", Value: float64(lost.Load())}}, errors.Join(err, set.Close())
}

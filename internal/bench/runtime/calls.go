package main

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/plugstead/plugstead/internal/figures"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// How much one round times.
const (
	tinyCalls   = 300
	largeCalls  = 60
	callers     = 8
	callsEach   = 60
	streamSize  = 2000
	inprocBatch = 2000 // calls within the process are timed together: a clock takes as long as one
)

// series are the measured durations: of one call, or of one message of a stream.
type series struct{ tinyT, largeT, eightT, streamT []time.Duration }

// calls measures every way to call, one after the other in each round.
func calls(ctx context.Context, images programs, work string, rounds int) ([]figures.Target, error) {
	var rows []*row
	defer func() {
		for _, r := range rows {
			r.stop()
		}
	}()
	for _, im := range []load.Image{images.inproc, images.process, images.wasm} {
		r, err := ours(ctx, im)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	if r, err := theirs(ctx, work); err != nil {
		fmt.Println("hashicorp/go-plugin is absent:", err)
	} else {
		rows = append(rows, r)
	}
	for i := range rounds + 1 {
		for _, r := range rows {
			if err := r.measure(); err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			if i == 0 { // from here on connections and caches are warm
				r.series = series{}
			}
		}
	}
	return report(rows), nil
}

// measure times one round.
func (r *row) measure() error {
	batch := 1
	if r.name == manifest.RuntimeInproc {
		batch = inprocBatch
	}
	if err := timed(&r.tinyT, tinyCalls, batch, r.tiny); err != nil {
		return err
	}
	if err := timed(&r.largeT, largeCalls, batch, r.large); err != nil {
		return err
	}
	if err := r.together(batch); err != nil {
		return err
	}
	if r.stream == nil {
		return nil
	}
	begin, n := time.Now(), 0
	for b, err := range r.stream(streamSize) {
		if err != nil {
			return err
		}
		if len(b) == 1<<10 {
			n++
		}
	}
	if n != streamSize {
		return errAnswer
	}
	r.streamT = append(r.streamT, time.Since(begin)/streamSize)
	return nil
}

// timed appends n durations to list, each the mean of a batch of calls.
func timed(list *[]time.Duration, n, batch int, call func() error) error {
	for range n {
		begin := time.Now()
		for range batch {
			if err := call(); err != nil {
				return err
			}
		}
		*list = append(*list, time.Since(begin)/time.Duration(batch))
	}
	return nil
}

// together times tiny calls of several callers at once.
func (r *row) together(batch int) error {
	var wg sync.WaitGroup
	var lists [callers][]time.Duration
	var errs [callers]error
	for i := range callers {
		wg.Go(func() { errs[i] = timed(&lists[i], callsEach, batch, r.tiny) })
	}
	wg.Wait()
	for i := range callers {
		if errs[i] != nil {
			return errs[i]
		}
		r.eightT = append(r.eightT, lists[i]...)
	}
	return nil
}

func report(rows []*row) []figures.Target {
	by := map[string]*row{}
	for _, r := range rows {
		by[r.name] = r
	}
	for _, part := range []struct {
		title string
		of    func(*row) []time.Duration
	}{
		{"one call, tiny", (*row).tinies},
		{"one call, 64 KiB", (*row).larges},
		{"tiny, 8 callers at once", (*row).eights},
		{"one message of 1 KiB in a stream", (*row).streams},
	} {
		fmt.Printf("%-34s %12s %12s %12s\n", part.title, "p10", "p50", "p99")
		for _, r := range rows {
			if list := part.of(r); len(list) > 0 {
				fmt.Printf("  %-32s %12v %12v %12v\n", r.name, figures.P10(list), figures.Median(list), figures.P99(list))
			}
		}
	}
	fmt.Println()
	ratio := func(of func(*row) []time.Duration) float64 {
		if by[peerName] == nil {
			return math.NaN()
		}
		return float64(figures.P10(of(by[manifest.RuntimeProcess]))) / float64(figures.P10(of(by[peerName])))
	}
	return []figures.Target{
		{Name: "process/go-plugin-grpc-tiny", Value: ratio((*row).tinies), Bound: 0.4},
		{Name: "process/go-plugin-grpc-64KiB", Value: ratio((*row).larges), Bound: 0.4},
		{Name: "inproc-tiny-microseconds", Value: float64(figures.P10(by[manifest.RuntimeInproc].tinyT).Nanoseconds()) / 1e3, Bound: 0.1},
		{Name: "wasm-tiny-microseconds", Value: float64(figures.P10(by[manifest.RuntimeWasm].tinyT).Nanoseconds()) / 1e3, Bound: 12},
	}
}

func (r *row) tinies() []time.Duration  { return r.tinyT }
func (r *row) larges() []time.Duration  { return r.largeT }
func (r *row) eights() []time.Duration  { return r.eightT }
func (r *row) streams() []time.Duration { return r.streamT }

package supervise

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Stats counts what happened to one plugin since its name is known to the set. Counters
// only grow, whatever instance runs.
type Stats struct {
	Calls    uint64 // begun: calls and streams
	Failed   uint64 // of them, those that ended with an error
	InFlight int    // now, of the instance that runs
	Retried  uint64 // made once more, because they did not arrive or may be repeated
	Restarts uint64 // starts of an instance that had ended by itself
	Swaps    uint64 // instances that were replaced while running
	Latency  Histogram
}

// sampled is how many calls within the process there are for one that is timed: reading
// the clock takes as long as such a call. All others are timed.
const sampled = 64

// Histogram counts durations of calls. Of calls within the process it has one in 64,
// and no stream.
type Histogram struct {
	Count   uint64
	Sum     time.Duration
	Buckets [buckets]uint64 // Buckets[i] is how many were shorter than 1 µs << i, and no less than those before; the last has the rest
}

const buckets = 32

// Quantile returns what the part q of all durations, from 0 to 1, do not exceed: the
// upper end of the bucket where it lies. It is zero if nothing was counted.
func (h Histogram) Quantile(q float64) time.Duration {
	want := uint64(min(max(q, 0), 1) * float64(h.Count))
	var n uint64
	for i, c := range h.Buckets {
		if n += c; n > 0 && n >= want {
			return time.Microsecond << i
		}
	}
	return 0
}

// counters is Stats while it is counted.
type counters struct {
	calls, failed, retried, restarts, swaps atomic.Uint64

	sum     atomic.Int64
	buckets [buckets]atomic.Uint64
}

// took counts the duration of one call.
func (c *counters) took(d time.Duration) {
	i := bits.Len64(uint64(max(d, 0) / time.Microsecond))
	c.buckets[min(i, buckets-1)].Add(1)
	c.sum.Add(int64(d))
}

func (c *counters) read() Stats {
	s := Stats{
		Calls: c.calls.Load(), Failed: c.failed.Load(), Retried: c.retried.Load(), Restarts: c.restarts.Load(), Swaps: c.swaps.Load(),
		Latency: Histogram{Sum: time.Duration(c.sum.Load())},
	}
	for i := range c.buckets {
		n := c.buckets[i].Load()
		s.Latency.Buckets[i] = n
		s.Latency.Count += n
	}
	return s
}

// Stats returns the counters of p as they are now.
func (p *Plugin) Stats() Stats {
	s := p.count.read()
	if r := p.cur.Load(); r != nil {
		s.InFlight = int(r.uses.Load() >> 1)
	}
	return s
}

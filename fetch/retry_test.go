package fetch_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/fetch"
)

func TestRetryDelays(t *testing.T) {
	most := func() float64 { return 0.9999999 }
	for name, c := range map[string]struct {
		r    fetch.Retry
		want []time.Duration // upper ends
	}{
		"defaults": {fetch.Retry{}, []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond, 3200 * time.Millisecond, 6400 * time.Millisecond, 10 * time.Second, 10 * time.Second}},
		"capped":   {fetch.Retry{Base: time.Second, Cap: 3 * time.Second}, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second}},
		"cap only": {fetch.Retry{Cap: time.Millisecond}, []time.Duration{time.Millisecond, time.Millisecond}},
		"longest":  {fetch.Retry{Base: 1 << 62, Cap: 1<<63 - 1}, []time.Duration{1 << 62}},
	} {
		for i, want := range c.want {
			c.r.Random = most
			if got := c.r.Delay(i + 1); got > want || got < want-want/1000 {
				t.Errorf("%s: try %d: up to %s, want %s", name, i+1, got, want)
			}
			c.r.Random = func() float64 { return 0 }
			if got := c.r.Delay(i + 1); got != 0 {
				t.Errorf("%s: try %d: from %s", name, i+1, got)
			}
			c.r.Random = nil
			if got := c.r.Delay(i + 1); got < 0 || got > want {
				t.Errorf("%s: try %d: %s is not in 0 to %s", name, i+1, got, want)
			}
		}
	}
}

func TestRetryLimit(t *testing.T) {
	for times, want := range map[int]int{0: fetch.DefaultRetries, -1: 0, 1: 1, 9: 9} {
		if got := (fetch.Retry{Times: times}).Limit(); got != want {
			t.Errorf("%d: %d, want %d", times, got, want)
		}
	}
}

func TestRetryWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := (fetch.Retry{}).Wait(t.Context(), 7*time.Second); err != nil || time.Since(begin) != 7*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		begin = time.Now()
		if err := (fetch.Retry{}).Wait(ctx, time.Hour); !errors.Is(err, why) || time.Since(begin) != time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		asleep := fetch.Retry{Sleep: func(context.Context, time.Duration) error { t.Error("slept although it is over"); return nil }}
		if err := asleep.Wait(ctx, 0); !errors.Is(err, why) {
			t.Error(err)
		}
	})
}

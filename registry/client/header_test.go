package client

import (
	"testing"
	"time"
)

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range []string{"", "0", "7", " 120 ", "-1", "1.5", "99999999999999999999", "Fri, 02 Jan 2026 03:05:05 GMT", "Friday, 02-Jan-26 03:05:05 GMT", "Fri Jan  2 03:05:05 2026", "soon"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, h string) {
		got := retryAfter(h, now)
		if got < 0 || got > 100*366*24*time.Hour {
			t.Fatalf("%q: %s", h, got)
		}
		if len(h) > 64 && got != 0 {
			t.Fatalf("a header of %d bytes counts: %s", len(h), got)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for h, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, " 120 ": 2 * time.Minute, "-1": 0, "1.5": 0, "+3": 0, "soon": 0,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Friday, 02-Jan-26 03:05:05 GMT": time.Minute, "Fri Jan  2 03:05:05 2026": time.Minute,
		"Thu, 01 Jan 2026 03:05:05 GMT": 0, "Fri, 02 Jan 2026 03:05:05 CET": 0,
	} {
		if got := retryAfter(h, now); got != want {
			t.Errorf("%q: %s, want %s", h, got, want)
		}
	}
}

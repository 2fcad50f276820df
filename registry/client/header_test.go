package client

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range []string{"", "0", "7", " 120 ", "-1", "1.5", "99999999999999999999", "0000000000000000000000000000000000000000000000000000000000000001 ", "Fri, 02 Jan 2026 03:05:05 GMT", "Friday, 02-Jan-26 03:05:05 GMT", "Fri Jan  2 03:05:05 2026", "soon"} {
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

func TestParseContentRange(t *testing.T) {
	for h, want := range map[string]contentRange{
		"bytes 0-0/1": {0, 0, 1}, "bytes 5-9/10": {5, 9, 10}, "Bytes 5-9/*": {5, 9, -1}, "bytes 0-9223372036854775806/9223372036854775807": {0, 1<<63 - 2, 1<<63 - 1},
	} {
		if got, err := parseContentRange(h); err != nil || got != want {
			t.Errorf("%q: %+v, %v", h, got, err)
		}
	}
	for _, h := range []string{
		"", "bytes", "bytes */5", "bytes 5-4/10", "bytes 5-10/10", "bytes 5-9", "bytes -9/10", "bytes 5-/10", "bytes +5-9/10", "bytes 5-9/-1",
		"bytes 5-9/", "bytes  5-9/10", "bytes=5-9/10", "chars 5-9/10", "bytes 5-9/10/11", "bytes 5-9-9/10", "bytes 0-9223372036854775807/9223372036854775808", "bytes 0x1-2/5",
	} {
		if got, err := parseContentRange(h); err == nil || got != (contentRange{}) {
			t.Errorf("%q: %+v, %v", h, got, err)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-0/1", "bytes 5-9/*", "bytes */5", "bytes 5-4/10", "bytes 18446744073709551616-1/2", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, h string) {
		c, err := parseContentRange(h)
		if err != nil {
			return
		}
		if c.first < 0 || c.last < c.first || c.size != -1 && c.size <= c.last {
			t.Fatalf("%q: %+v", h, c)
		}
		size := "*"
		if c.size >= 0 {
			size = strconv.FormatInt(c.size, 10)
		}
		if again, err := parseContentRange(fmt.Sprintf("bytes %d-%d/%s", c.first, c.last, size)); err != nil || again != c {
			t.Fatalf("%q: %+v, then %+v, %v", h, c, again, err)
		}
	})
}

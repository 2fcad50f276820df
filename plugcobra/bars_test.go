package plugcobra

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// screen is a terminal that understands what bars write, and notes what must not be.
type screen struct {
	width    int
	rows     []string
	at       int
	problems []string
	writes   int
}

func (s *screen) Write(p []byte) (int, error) {
	s.writes++
	for rest := string(p); rest != ""; {
		switch {
		case rest[0] == '\n':
			s.at++
			rest = rest[1:]
		case rest[0] == '\r':
			rest = rest[1:]
		case strings.HasPrefix(rest, "\x1b[K"):
			rest = rest[3:]
		case strings.HasPrefix(rest, "\x1b[J"):
			s.rows = s.rows[:min(s.at, len(s.rows))]
			rest = rest[3:]
		case strings.HasPrefix(rest, "\x1b["):
			var n int
			if _, err := fmt.Sscanf(rest, "\x1b[%dA", &n); err != nil || n > s.at {
				s.problems = append(s.problems, fmt.Sprintf("%.10q in line %d", rest, s.at))
				return len(p), nil
			}
			s.at -= n
			rest = rest[strings.IndexByte(rest, 'A')+1:]
		default:
			n := strings.IndexAny(rest, "\x1b\n\r")
			s.put(rest[:n])
			rest = rest[n:]
		}
	}
	return len(p), nil
}

func (s *screen) put(line string) {
	if cells(line) >= s.width {
		s.problems = append(s.problems, fmt.Sprintf("%q has %d cells, the terminal %d", line, cells(line), s.width))
	}
	for len(s.rows) <= s.at {
		s.rows = append(s.rows, "")
	}
	s.rows[s.at] = line
}

func (s *screen) String() string { return strings.Join(s.rows, "\n") }

func running(id string, done, size int64) fetch.Progress {
	return fetch.Progress{ID: manifest.ID(id), Version: version.MustParse("1.0.0"), Done: done, Size: size}
}

// TestBars follows two downloads from their beginning to their end.
func TestBars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{width: 80}
		b := startBars(s, func() (int, int) { return s.width, 24 })
		expect := func(what, want string) {
			t.Helper()
			time.Sleep(drawEvery)
			synctest.Wait()
			b.mu.Lock()
			defer b.mu.Unlock()
			if s.String() != want || s.problems != nil {
				t.Errorf("%s:\n%s\nwant\n%s\n%q", what, s, want, s.problems)
			}
		}
		b.step("resolve")
		expect("a step", "choosing versions")
		b.step("fetch")
		b.running(running("acme/long-name", 0, 3<<20))
		b.running(running("acme/b", 0, 1<<10))
		expect("the beginning", "acme/long-name 1.0.0         0 B of    3.0 MiB         0 B/s\nacme/b 1.0.0                 0 B of    1.0 KiB         0 B/s")
		b.running(running("acme/long-name", 1<<20, 3<<20))
		expect("a third", "acme/long-name 1.0.0     1.0 MiB of    3.0 MiB     5.0 MiB/s  0s left\nacme/b 1.0.0                 0 B of    1.0 KiB         0 B/s")
		b.fetched(running("acme/b", 1<<10, 1<<10))
		expect("one is done", "acme/long-name 1.0.0     1.0 MiB of    3.0 MiB     2.5 MiB/s  0s left")
		for range 2 * rateTicks {
			time.Sleep(drawEvery)
		}
		expect("it stands still", "acme/long-name 1.0.0     1.0 MiB of    3.0 MiB         0 B/s")
		b.mu.Lock()
		n := s.writes
		b.mu.Unlock()
		time.Sleep(time.Minute)
		b.mu.Lock()
		if s.writes != n {
			t.Error("the same lines are written again and again")
		}
		s.width = 40
		b.mu.Unlock()
		expect("a narrow terminal", "acme/long-name 1.0.0   33 %")
		b.fetched(running("acme/long-name", 3<<20, 3<<20))
		expect("nothing more", "fetching")
		b.end()
		if s.String() != "" || s.at != 0 || s.problems != nil {
			t.Errorf("at the end:\n%s\n%q", s, s.problems)
		}
	})
}

// TestBarsOfQuickCommands draws nothing.
func TestBarsOfQuickCommands(t *testing.T) {
	var out bytes.Buffer
	b := startBars(&out, func() (int, int) { return 80, 24 })
	b.step("resolve")
	b.running(running("acme/a", 0, 1))
	b.end()
	if out.Len() != 0 {
		t.Errorf("%q", out.String())
	}
}

// TestBarsFit draws many downloads on terminals of every size, low ones and no real ones
// too.
func TestBarsFit(t *testing.T) {
	for width := range 130 {
		for _, height := range []int{0, 1, 2, 5, 24} {
			s := &screen{width: max(width, 1)}
			b := &bars{to: s, size: func() (int, int) { return width, height }, stop: make(chan struct{})}
			for i := range 10 {
				b.running(running(fmt.Sprintf("acme/%s%d", strings.Repeat("x", 20*i), i), int64(i)<<(4*i), math.MaxInt64))
			}
			b.tick()
			if len(s.rows) > max(0, height-1) || s.problems != nil {
				t.Fatalf("%d by %d: %d lines, %q", width, height, len(s.rows), s.problems)
			}
			b.end()
			if s.String() != "" || s.problems != nil {
				t.Errorf("%d by %d: left %q, %q", width, height, s, s.problems)
			}
		}
	}
}

// FuzzBar draws one download with any name and any numbers: no registry can make a line
// that is too long, or that steers the terminal.
func FuzzBar(f *testing.F) {
	f.Add("acme/a", int64(1), int64(2), 80, int64(1))
	f.Add(strings.Repeat("a", 200)+"/\x1b[31m\n\u202e", int64(-1), int64(0), 17, int64(-5))
	f.Add("アクメ/あ", int64(math.MaxInt64), int64(1), 33, int64(math.MinInt64))
	f.Add("", int64(0), int64(math.MaxInt64), -4, int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, id string, done, size int64, width int, before int64) {
		width %= 300
		r := &bar{Progress: fetch.Progress{ID: manifest.ID(id), Version: version.MustParse("1.0.0"), Done: done, Size: size}, past: []int64{before, done}}
		line := r.line(width, cells(title(r.Progress)))
		if cells(line) > max(0, width) {
			t.Errorf("%q: %d cells, want at most %d", line, cells(line), width)
		}
		for _, c := range line {
			if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == '\u202e' {
				t.Errorf("%q steers the terminal", line)
			}
		}
	})
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		s    string
		most int
		want string
	}{
		{"acme/a", 6, "acme/a"},
		{"acme/a", 5, "acm.."},
		{"acme/a", 3, "a.."},
		{"acme/a", 2, ""},
		{"acme/a", -1, ""},
		{"ああああ", 8, "ああああ"},
		{"ああああ", 7, "ああ.."},
	} {
		if got := cut(c.s, c.most); got != c.want {
			t.Errorf("%s in %d: %q, want %q", c.s, c.most, got, c.want)
		}
	}
}

func TestLeft(t *testing.T) {
	for _, c := range []struct {
		bytes int64
		rate  float64
		want  string
	}{
		{90, 1, "1m30s left"}, {7300, 1, "2h1m40s left"}, {1, 0, ""}, {math.MaxInt64, 1, ""}, {0, 1, "0s left"},
	} {
		if got := left(c.bytes, c.rate); got != c.want {
			t.Errorf("%d at %g: %q, want %q", c.bytes, c.rate, got, c.want)
		}
	}
}

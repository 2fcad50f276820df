package plugcobra

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plugstead/plugstead/fetch"
)

// bars draws one line for each running download on a terminal, and draws them anew in the
// same place until the end, which takes them away. A command that is done at once shows
// none.
type bars struct {
	silent
	to   io.Writer
	size func() (width, height int)
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	doing string // what is done while nothing is fetched
	rows  []*bar
	drawn []string // the lines that are on the terminal
}

// bar is one download.
type bar struct {
	fetch.Progress
	past []int64 // Done at the last ticks, the newest last
}

const (
	drawEvery = 200 * time.Millisecond
	rateTicks = 15 // how many ticks a rate is the mean of
)

// stepNames are the words for the steps that a user may wait for.
var stepNames = map[string]string{
	"resolve": "choosing versions", "fetch": "fetching", "install": "preparing plugins", "probe": "trying plugins", "switch": "switching",
}

// startBars begins to draw; end must be called.
func startBars(to io.Writer, size func() (width, height int)) *bars {
	b := &bars{to: to, size: size, stop: make(chan struct{})}
	b.done.Go(func() {
		t := time.NewTicker(drawEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				b.tick()
			case <-b.stop:
				return
			}
		}
	})
	return b
}

func (b *bars) step(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doing = stepNames[name]
}

func (b *bars) running(p fetch.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rows {
		if r.ID == p.ID {
			r.Progress = p
			return
		}
	}
	b.rows = append(b.rows, &bar{Progress: p})
}

func (b *bars) fetched(p fetch.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows = slices.DeleteFunc(b.rows, func(r *bar) bool { return r.ID == p.ID })
}

// end takes the lines away.
func (b *bars) end() {
	close(b.stop)
	b.done.Wait()
	b.draw(nil)
}

// tick draws what there is now.
func (b *bars) tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	width, height := b.size()
	for _, r := range b.rows {
		r.past = append(r.past, r.Done)
		r.past = r.past[max(0, len(r.past)-rateTicks):]
	}
	b.draw(b.lines(width-1, height-1)) // a cell more and some terminals begin a new line
}

// lines returns what to draw on so many cells.
func (b *bars) lines(width, height int) []string {
	if len(b.rows) == 0 && b.doing != "" {
		return []string{cut(b.doing, width)}
	}
	names := 0
	for _, r := range b.rows {
		names = max(names, cells(title(r.Progress)))
	}
	var out []string
	for _, r := range b.rows[:max(0, min(len(b.rows), height))] {
		out = append(out, r.line(width, names))
	}
	return out
}

// draw replaces the lines on the terminal.
func (b *bars) draw(lines []string) {
	if slices.Equal(lines, b.drawn) {
		return
	}
	var s strings.Builder
	if n := len(b.drawn); n > 0 {
		fmt.Fprintf(&s, "\x1b[%dA\r", n) // up
	}
	for _, l := range lines {
		s.WriteString(l + "\x1b[K\n") // and nothing of the line before
	}
	if len(lines) < len(b.drawn) {
		s.WriteString("\x1b[J") // nor of those below
	}
	b.drawn = lines
	_, _ = io.WriteString(b.to, s.String())
}

// leastName is how many cells of a name are worth more than numbers.
const leastName = 16

// line shows a download in at most width cells: its name in a column of names cells, and
// as many of the numbers as there is room for.
func (r *bar) line(width, names int) string {
	amount := fmt.Sprintf("%10s of %10s", bytesText(r.Done), bytesText(r.Size))
	rate := r.rate()
	full := fmt.Sprintf("%s  %12s  %s", amount, bytesText(int64(rate))+"/s", left(r.Size-r.Done, rate))
	for _, numbers := range []string{full, amount, percent(r.Done, r.Size)} {
		if room := width - 2 - len(numbers); room >= min(names, leastName) {
			names = min(names, room)
			name := cut(title(r.Progress), names)
			return name + strings.Repeat(" ", names-cells(name)) + "  " + strings.TrimRight(numbers, " ")
		}
	}
	return cut(title(r.Progress), width)
}

// rate returns bytes per second in the last time.
func (r *bar) rate() float64 {
	n := len(r.past)
	if n < 2 {
		return 0
	}
	return float64(max(0, r.past[n-1]-r.past[0])) / (time.Duration(n-1) * drawEvery).Seconds()
}

// left says how long so many bytes will take, if that can be said.
func left(bytes int64, rate float64) string {
	const longest = 100 * time.Hour
	if rate <= 0 || float64(bytes)/rate > longest.Seconds() {
		return ""
	}
	return (time.Duration(float64(bytes)/rate) * time.Second).String() + " left"
}

func percent(done, size int64) string {
	if size <= 0 {
		return "100 %"
	}
	return fmt.Sprintf("%3d %%", int(100*float64(done)/float64(size)))
}

// cells returns how many cells of a terminal s takes at the most.
func cells(s string) (n int) {
	for _, r := range s {
		n += cellsOf(r)
	}
	return n
}

// cellsOf counts two for what is not ASCII: it may be wide.
func cellsOf(r rune) int {
	if r < 0x80 {
		return 1
	}
	return 2
}

// cut shortens s to at most so many cells.
func cut(s string, most int) string {
	if cells(s) <= most {
		return s
	}
	const more = ".."
	most -= len(more)
	if most <= 0 {
		return ""
	}
	n := 0
	for i, r := range s {
		if n += cellsOf(r); n > most {
			return s[:i] + more
		}
	}
	return s
}

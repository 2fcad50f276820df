package plugcobra

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/internal/terminal"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

// progress tells a user what goes on during one change, and counts what came. It is for
// several goroutines.
type progress struct {
	mu   sync.Mutex
	show display
	sum  fetchSum
}

// fetchSum is what was fetched for a change, as part of its JSON result.
type fetchSum struct {
	Fetched int   `json:"fetched"` // plugins
	Cached  int   `json:"cached"`  // of them were here already
	Bytes   int64 `json:"bytes"`   // that came from sources
}

// display is one way to show what goes on. One method is called at a time.
type display interface {
	step(name string)
	running(p fetch.Progress)
	fetched(p fetch.Progress)
	changed(lines []update.Line)
	end()
}

// watch begins to show what c does; the caller ends it before it shows the result. On a
// terminal that is one line for each running download, elsewhere one for each plugin that
// has come; with --json nothing, and with --json=events documents.
func watch(c *cobra.Command) *progress {
	p := &progress{show: silent{}}
	switch cmdline.FormOf(c) {
	case cmdline.JSON:
	case cmdline.Events:
		p.show = &documents{c: c, told: map[manifest.ID]time.Time{}}
	default:
		if f, ok := terminal.Of(c.ErrOrStderr()); ok && !inCI() {
			p.show = startBars(f, func() (int, int) { return terminal.Size(f) })
		} else {
			p.show = plain{to: c.ErrOrStderr()}
		}
	}
	return p
}

// inCI reports whether this runs in a build service: some have terminals, which nobody
// looks at until all is over.
func inCI() bool {
	v := os.Getenv("CI")
	return v != "" && v != "false" && v != "0"
}

// events are what a change needs to tell.
func (p *progress) events() update.Events {
	return update.Events{
		Step: p.step,
		Fetch: fetch.Events{
			Progress: func(x fetch.Progress) {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.show.running(x)
			},
			Fetched: p.fetched,
		},
	}
}

func (p *progress) step(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show.step(name)
}

func (p *progress) fetched(x fetch.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sum.Fetched++
	if x.Cached {
		p.sum.Cached++
	} else {
		p.sum.Bytes += x.Size
	}
	p.show.fetched(x)
}

// changed tells what was carried out.
func (p *progress) changed(lines []update.Line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show.changed(lines)
}

// aside runs f with nothing drawn, and shows what goes on again if f returns nil.
func (p *progress) aside(c *cobra.Command, f func() error) error {
	p.end()
	if err := f(); err != nil {
		return err
	}
	again := watch(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show = again.show
	return nil
}

// end takes away what was drawn. A second call does nothing.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show.end()
	p.show = silent{}
}

// summary returns what was counted.
func (p *progress) summary() fetchSum {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sum
}

// String says what came, or nothing if nothing had to.
func (s fetchSum) String() string {
	if s.Fetched == 0 {
		return ""
	}
	noun := "plugins"
	if s.Fetched == 1 {
		noun = "plugin"
	}
	out := fmt.Sprintf("%d %s, %s fetched", s.Fetched, noun, bytesText(s.Bytes))
	if s.Cached > 0 {
		out += fmt.Sprintf(", %d from the cache", s.Cached)
	}
	return out
}

// silent shows nothing.
type silent struct{}

func (silent) step(string)            {}
func (silent) running(fetch.Progress) {}
func (silent) fetched(fetch.Progress) {}
func (silent) changed([]update.Line)  {}
func (silent) end()                   {}

// plain writes one line for each plugin that has come.
type plain struct {
	silent
	to io.Writer
}

func (l plain) fetched(p fetch.Progress) {
	from := bytesText(p.Size)
	if p.Cached {
		from = "from the cache"
	}
	fmt.Fprintf(l.to, "fetched %s, %s\n", title(p), from)
}

// title names what is fetched.
func title(p fetch.Progress) string {
	return cmdline.Line(string(p.ID) + " " + p.Version.String())
}

// documents writes one JSON document for each event; docs/reference/json-events.md
// describes them.
type documents struct {
	silent
	c    *cobra.Command
	told map[manifest.ID]time.Time // when a document of progress was written last
}

// progressEvery is how often one download is told of with --json=events.
const progressEvery = 200 * time.Millisecond

type stepEvent struct {
	Event string `json:"event"`
	Name  string `json:"name"`
}

type progressEvent struct {
	Event   string          `json:"event"`
	ID      manifest.ID     `json:"id"`
	Version version.Version `json:"version"`
	Done    int64           `json:"done"`
	Size    int64           `json:"size"`
}

type fetchedEvent struct {
	Event   string          `json:"event"`
	ID      manifest.ID     `json:"id"`
	Version version.Version `json:"version"`
	Size    int64           `json:"size"`
	Cached  bool            `json:"cached"`
}

type changedEvent struct {
	Event string          `json:"event"`
	ID    manifest.ID     `json:"id"`
	From  version.Version `json:"from,omitzero"`
	To    version.Version `json:"to,omitzero"`
}

// emit writes one document. Output that cannot be written any more is a failure of the
// result, which is written last.
func (d *documents) emit(x any) { _ = cmdline.Emit(d.c, x) }

func (d *documents) step(name string) { d.emit(stepEvent{"step", name}) }

func (d *documents) running(p fetch.Progress) {
	if now := time.Now(); now.Sub(d.told[p.ID]) >= progressEvery {
		d.told[p.ID] = now
		d.emit(progressEvent{"progress", p.ID, p.Version, p.Done, p.Size})
	}
}

func (d *documents) fetched(p fetch.Progress) {
	d.emit(fetchedEvent{"fetched", p.ID, p.Version, p.Size, p.Cached})
}

func (d *documents) changed(lines []update.Line) {
	for _, l := range lines {
		d.emit(changedEvent{past(l.Do, false), l.ID, l.From, l.To})
	}
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/cmd/internal/author"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

// devResult is the JSON result of dev.
type devResult struct {
	ID      manifest.ID `json:"id"`
	Dir     string      `json:"dir"`
	Reloads int         `json:"reloads"` // that were swapped in
	Kept    int         `json:"kept"`    // changes after which what ran went on running
}

// devEvent is one thing that happens under dev. docs/reference/json-events.md lists them.
type devEvent struct {
	Event   string          `json:"event"`
	ID      manifest.ID     `json:"id"`
	Version version.Version `json:"version,omitzero"`
	Runtime string          `json:"runtime,omitempty"`
	PID     int             `json:"pid,omitempty"`
	Attach  string          `json:"attach,omitempty"` // command that attaches a debugger
	Changed []string        `json:"changed,omitempty"`
	Seconds float64         `json:"seconds,omitempty"`
	State   supervise.State `json:"state,omitempty"`
	Step    string          `json:"step,omitempty"` // that failed: build, start or call
	Running bool            `json:"running,omitempty"`
	Message string          `json:"message,omitempty"`
	Hint    string          `json:"hint,omitempty"`
	Code    cmdline.Code    `json:"code,omitempty"`
	Answer  any             `json:"answer,omitempty"`
}

// devLoop is one run of dev.
type devLoop struct {
	c      *cobra.Command
	f      *devFlags
	root   *os.Root
	folder *author.Folder
	host   *plugstead.Host
	temp   string // installation folder that ends with the command
	result devResult

	mu    sync.Mutex // of standard output
	laid  bool       // the override is there
	ours  bool       // it was made here
	fresh bool       // it was made just now
	runs  bool       // the plugin was started
	watch *author.Watch
}

// run builds, starts and swaps until ctx ends, which is no error.
func (d *devLoop) run(ctx context.Context) error {
	if err := d.host.Start(ctx); err != nil {
		return err
	}
	d.watch = &author.Watch{Root: d.root}
	d.ignore()
	if err := d.watch.Mark(); err != nil {
		return err
	}
	if cmdline.FormOf(d.c) == cmdline.Text {
		fmt.Fprintf(d, "%s runs from %s until Ctrl-C\n", d.result.ID, cmdline.Line(d.folder.Dir))
	}
	var changed []string
	for {
		err := d.round(ctx, changed)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		d.ignore()
		if changed, err = d.watch.Wait(ctx); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// ignore keeps the watch from what a build makes.
func (d *devLoop) ignore() {
	d.watch.Ignore = nil
	if steps, err := d.folder.Plan(d.c.Context(), author.BuildOptions{}); err != nil || len(steps) > 0 {
		for _, t := range d.folder.Targets(true) {
			d.watch.Ignore = append(d.watch.Ignore, path.Clean(t.Entry))
		}
	}
}

// round builds and starts once. What goes wrong in the folder is told; an error is about the
// application.
func (d *devLoop) round(ctx context.Context, changed []string) error {
	begin := time.Now()
	folder, err := author.Open(d.root)
	if err == nil && folder.Manifest.ID != d.result.ID {
		err = cmdline.New("E0312", "start plugstead dev anew for another plugin", "plugin.yaml is that of %s now", folder.Manifest.ID)
	}
	if err == nil {
		d.folder = folder
		_, err = d.folder.Build(ctx, author.BuildOptions{Debug: d.f.debug})
	}
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		d.failed("build", err)
		return nil
	}
	d.emit(devEvent{Event: "built", ID: d.result.ID, Seconds: since(begin)})
	begin = time.Now()
	if err := d.lay(ctx); err != nil {
		return err
	}
	if err := d.load(ctx); err != nil {
		if ctx.Err() == nil {
			d.failed("start", err)
		}
		return nil
	}
	d.started(begin, changed)
	d.call(ctx)
	return nil
}

func since(t time.Time) float64 { return time.Since(t).Round(time.Millisecond).Seconds() }

// lay lays the folder over what is installed, if it is not.
func (d *devLoop) lay(ctx context.Context) error {
	if d.laid {
		return nil
	}
	before, err := d.host.Installed()
	if err != nil {
		return err
	}
	_, was := update.FindOverride(before, update.PathPrefix+d.folder.Dir)
	if err := d.host.Override(ctx, d.folder.Dir); err != nil {
		return err
	}
	d.laid, d.ours, d.fresh = true, !was, !was
	return nil
}

// load makes the host run the folder as it is now.
func (d *devLoop) load(ctx context.Context) error {
	if d.fresh { // laying it started it
		d.fresh = false
		return d.overrideError()
	}
	return d.host.Reload(ctx, d.result.ID)
}

// overrideError says why the override does not start.
func (d *devLoop) overrideError() error {
	list, err := d.host.Overrides()
	for _, o := range list {
		if o.ID == d.result.ID && o.Err != nil {
			return o.Err
		}
	}
	return err
}

// started tells that the plugin runs.
func (d *devLoop) started(begin time.Time, changed []string) {
	e := devEvent{Event: "started", ID: d.result.ID, Version: d.folder.Manifest.Version, Seconds: since(begin), Changed: changed}
	if d.runs {
		e.Event = "reloaded"
		d.result.Reloads++
	}
	d.runs = true
	if p := d.host.Plugin(d.result.ID); p != nil {
		e.Runtime, e.PID = p.Runtime(), p.PID()
	}
	if d.f.debug {
		e.Attach = attach(d.folder, e.Runtime, e.PID)
	}
	d.emit(e)
}

// attach says how a debugger is attached to a process.
func attach(f *author.Folder, runtime string, pid int) string {
	if pid == 0 {
		return "dlv test " + f.Dir // WebAssembly is no process
	}
	for _, t := range f.Targets(false) {
		switch ext := path.Ext(t.Entry); {
		case t.Runtime != runtime:
		case ext == ".mjs" || ext == ".cjs" || ext == ".js":
			return fmt.Sprintf("kill -USR1 %d && node inspect -p %d", pid, pid)
		}
	}
	if _, err := os.Stat(path.Join(f.Dir, "go.mod")); err == nil {
		return fmt.Sprintf("dlv attach %d", pid)
	}
	return fmt.Sprintf("gdb -p %d", pid)
}

// call calls the method of --call.
func (d *devLoop) call(ctx context.Context) {
	if d.f.call == "" {
		return
	}
	m, err := relay(d.folder.Manifest, d.f.call)
	if err == nil {
		p := d.host.Plugin(d.result.ID)
		if p == nil {
			return // it ended; its state was told
		}
		var v any
		if v, err = invoke(ctx, p, m, json.RawMessage(d.f.input)); err == nil {
			d.emit(devEvent{Event: "answer", ID: d.result.ID, Answer: v})
			return
		}
	}
	if ctx.Err() == nil {
		d.failed("call", err)
	}
}

// failed tells what went wrong. What ran before goes on running.
func (d *devLoop) failed(step string, err error) {
	e := cmdline.Explain("plugstead", err)
	if e.Code == "E0313" {
		e.Hint = "mend the plugin; what it wrote stands above" // there is no override to take away
	}
	if step != "call" {
		d.result.Kept++
	}
	d.emit(devEvent{
		Event: "failed", ID: d.result.ID, Step: step, Running: d.host.Plugin(d.result.ID) != nil,
		Message: e.What(), Hint: e.Hint, Code: e.Code,
	})
}

// changed tells of a plugin that ends by itself or is not well.
func (d *devLoop) changed(c supervise.Change) {
	if c.State == supervise.Running || c.State == supervise.Stopped && c.Err == nil {
		return // is told otherwise
	}
	e := devEvent{Event: "state", ID: c.ID, State: c.State}
	if c.Err != nil {
		e.Message = c.Err.Error()
	}
	d.emit(e)
}

// close ends the plugins and takes the override away.
func (d *devLoop) close() error {
	var errs []error
	if d.host != nil {
		if d.laid && d.ours && d.temp == "" {
			ctx := context.WithoutCancel(d.c.Context())
			errs = append(errs, d.host.EndOverrides(ctx, time.Minute, string(d.result.ID)))
		}
		errs = append(errs, d.host.Close())
	}
	if d.temp != "" {
		errs = append(errs, os.RemoveAll(d.temp))
	}
	if d.root != nil {
		errs = append(errs, d.root.Close())
	}
	return errors.Join(errs...)
}

// Write writes to standard output, one line or document at a time.
func (d *devLoop) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.c.OutOrStdout().Write(p)
}

// logger takes the log of the plugin: to standard error, or among the events.
func (d *devLoop) logger() *slog.Logger {
	if cmdline.FormOf(d.c) != cmdline.Events {
		return slog.Default()
	}
	return slog.New(slog.NewJSONHandler(d, nil)).With("event", "log")
}

// emit shows an event. A standard output that is gone is found out by the result.
func (d *devLoop) emit(e devEvent) {
	switch cmdline.FormOf(d.c) {
	case cmdline.Events:
		if b, err := json.Marshal(e); err == nil {
			_, _ = d.Write(append(b, '\n'))
		}
	case cmdline.Text:
		var b strings.Builder
		e.text(&b)
		_, _ = io.WriteString(d, b.String())
	}
}

// text shows an event to a person.
func (e devEvent) text(w io.Writer) {
	switch e.Event {
	case "built":
		fmt.Fprintf(w, "built %s in %.1f s\n", e.ID, e.Seconds)
	case "started", "reloaded":
		fmt.Fprintf(w, "%s %s %s as %s", e.Event, e.ID, e.Version, e.Runtime)
		if e.PID != 0 {
			fmt.Fprintf(w, ", process %d", e.PID)
		}
		if len(e.Changed) > 0 {
			fmt.Fprintf(w, ": %s", cmdline.Line(shortList(e.Changed)))
		}
		fmt.Fprintln(w)
		if e.Attach != "" {
			fmt.Fprintf(w, "debug with: %s\n", e.Attach)
		}
	case "answer":
		var b strings.Builder
		_ = cmdline.WriteJSON(&b, e.Answer, "") // it was decoded
		fmt.Fprint(w, "answer "+b.String())
	case "state":
		fmt.Fprintf(w, "%s is %s: %s\n", e.ID, e.State, indented(e.Message))
	case "failed":
		fmt.Fprintf(w, "%s failed: %s\n", e.Step, indented(e.Message))
		if e.Hint != "" {
			fmt.Fprintf(w, "        hint: %s\n", e.Hint)
		}
		fmt.Fprintf(w, "        code: %s\n", e.Code)
		if e.Running && e.Step != "call" {
			fmt.Fprintln(w, "what ran goes on running")
		}
	}
}

// shortList names the first files of a list.
func shortList(list []string) string {
	const most = 3
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// text shows what there was to a person.
func (d *devLoop) text(w io.Writer) {
	fmt.Fprintf(w, "ended %s: %d reloads, %d changes without one\n", d.result.ID, d.result.Reloads, d.result.Kept)
}

//go:build linux

package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/manifest"
)

// folder makes a folder in which the test binary has the name of a program.
func folder(t *testing.T, program string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, program)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func image(tree, program string) load.Image {
	here := manifest.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}.String()
	return load.Image{
		Runtime: manifest.RuntimeProcess, Tree: tree,
		Manifest: &manifest.Manifest{ID: id, Runtimes: manifest.Runtimes{Process: &manifest.ProcessRuntime{Platforms: map[string]string{here: program}}}},
	}
}

func contextOf() context.Context { return context.Background() }

func specOf(log *slog.Logger) load.Spec {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return load.Spec{Log: log}
}

var quick = Driver{StartTimeout: 20 * time.Second, StopTimeout: 10 * time.Second, KillAfter: 50 * time.Millisecond}

func start(t *testing.T, program string, s load.Spec) *instance {
	t.Helper()
	in, err := quick.Start(t.Context(), image(folder(t, program), program), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		<-in.Done()
	})
	return in.(*instance)
}

// gone waits until the process with a pidfd has ended.
func gone(t *testing.T, pidfd int) {
	t.Helper()
	defer unix.Close(pidfd)
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if err == nil {
			return
		}
		if err != unix.EINTR {
			t.Fatal(err)
		}
	}
}

func watchPid(t *testing.T, pid int) int {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestStartErrors(t *testing.T) {
	for program, c := range map[string]struct {
		want string
		code contract.Code
	}{
		"silent":  {"did not say hello in time", contract.DeadlineExceeded},
		"half":    {"did not say hello in time", contract.DeadlineExceeded},
		"exits":   {"exit status 7: cannot find my shoes", contract.FailedPrecondition},
		"closes":  {"before the plugin said hello", contract.FailedPrecondition},
		"garbage": {"protocol error: frame of", contract.FailedPrecondition},
		"other":   {"plugstead-test/other", contract.FailedPrecondition},
		"old":     {"version 0 of the protocol", contract.FailedPrecondition},
		"early":   {"unexpected frame: log", contract.FailedPrecondition},
	} {
		t.Run(program, func(t *testing.T) {
			d := quick
			if c.code == contract.DeadlineExceeded {
				d.StartTimeout = 200 * time.Millisecond
			}
			in, err := d.Start(t.Context(), image(folder(t, program), program), specOf(nil))
			if err == nil {
				in.Close()
			}
			if !errors.Is(err, c.code) || !strings.Contains(fmt.Sprint(err), c.want) || !strings.Contains(err.Error(), "start "+id) {
				t.Errorf("%v\nwant %v with %q", err, c.code, c.want)
			}
		})
	}
}

func TestPrepareErrors(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "text"), nil, 0o600), os.Mkdir(filepath.Join(dir, "folder"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		im   load.Image
		want string
	}{
		{image(dir, "none"), "no such file"},
		{image(dir, "text"), "no executable"},
		{image(dir, "folder"), "no executable"},
		{image(dir, "../x"), "want a path below"},
		{image(".", "x"), "want a path below"},
		{load.Image{Tree: dir, Manifest: &manifest.Manifest{ID: id}}, "no program for"},
	} {
		if err := quick.Prepare(t.Context(), c.im); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// TestProtocolErrors: a plugin that breaks the protocol is ended, and says why.
func TestProtocolErrors(t *testing.T) {
	for program, want := range map[string]string{
		"unasked": "answer to request 77", "unknown": "type 99", "hellotwice": "unexpected frame: hello", "badcall": "bad call header",
	} {
		in := start(t, program, specOf(nil))
		<-in.Done()
		if err := in.Err(); !errors.Is(err, contract.Internal) || contract.AsError(err).Reason != contract.ReasonProtocol || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", program, err, want)
		}
	}
}

// TestCrash: each call in flight gets one error, at once.
func TestCrash(t *testing.T) {
	in := start(t, "good", specOf(nil))
	var wg sync.WaitGroup
	reached := make(chan struct{}, 50)
	for range 50 {
		wg.Go(func() {
			reached <- struct{}{}
			_, err := probe.Wait.Call(t.Context(), in, probe.Waiting{For: time.Hour})
			e := contract.AsError(err)
			if e == nil || e.Code != contract.Unavailable || e.Reason != contract.ReasonCrashed && e.Reason != contract.ReasonStopped {
				t.Errorf("in flight: %v", err)
			}
		})
	}
	for range 50 {
		<-reached
	}
	if err := in.child.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	<-in.Done()
	if err := in.Err(); !errors.Is(err, contract.Unavailable) || !strings.Contains(err.Error(), "killed") {
		t.Error(err)
	}
	if err := in.Stop(t.Context()); err != nil {
		t.Errorf("stop of what has ended: %v", err)
	}
	if err := in.Err(); err == nil {
		t.Error("the stop hides the crash")
	}
}

// TestDeaf: a plugin that does nothing at all cannot hold up its host.
func TestDeaf(t *testing.T) {
	for _, program := range []string{"deaf", "frozen"} {
		in := start(t, program, specOf(nil))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := probe.Tick.Call(ctx, in, probe.Tock{Data: make([]byte, 1<<20)})
				if !errors.Is(err, contract.DeadlineExceeded) {
					t.Errorf("%s: %v", program, err)
				}
			})
		}
		wg.Wait()
		for name, f := range map[string]func(context.Context) error{"health": in.Health, "quiesce": in.Quiesce, "stop": in.Stop} {
			if err := f(ctx); !errors.Is(err, contract.DeadlineExceeded) {
				t.Errorf("%s: %s: %v", program, name, err)
			}
		}
		fd := watchPid(t, in.child.cmd.Process.Pid)
		if err := in.Close(); err != nil || in.Err() != nil {
			t.Errorf("%s: close: %v, %v", program, err, in.Err())
		}
		gone(t, fd)
	}
}

func TestStubborn(t *testing.T) {
	in := start(t, "stubborn", specOf(nil))
	fd := watchPid(t, in.child.cmd.Process.Pid)
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	gone(t, fd)
}

// TestFamily: what a plugin started ends with it, and its hold on the pipes hides
// nothing.
func TestFamily(t *testing.T) {
	lines := make(chan string, 10)
	log := slog.New(lineHandler{lines})
	in := start(t, "family", specOf(log))
	var pid int
	if _, err := fmt.Sscanf(<-lines, "child %d", &pid); err != nil {
		t.Fatal(err)
	}
	fd := watchPid(t, pid)
	if _, err := probe.Tick.Call(t.Context(), in, probe.Tock{}); !errors.Is(err, contract.Unavailable) {
		t.Errorf("call: %v", err)
	}
	<-in.Done()
	if err := in.Err(); !errors.Is(err, contract.Unavailable) || !strings.Contains(err.Error(), "exit status 5") {
		t.Error(err)
	}
	gone(t, fd)
}

// lineHandler hands on messages.
type lineHandler struct{ lines chan string }

func (lineHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h lineHandler) Handle(_ context.Context, r slog.Record) error {
	h.lines <- r.Message
	return nil
}
func (h lineHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h lineHandler) WithGroup(string) slog.Handler      { return h }

// slowHandler takes one record and holds it until the test lets go.
type slowHandler struct {
	lineHandler
	release chan struct{}
}

func (h slowHandler) Handle(context.Context, slog.Record) error {
	<-h.release
	return nil
}

// TestFlood: a plugin that logs and calls without end, and reads nothing, takes neither
// the log nor the memory nor the time of its host.
func TestFlood(t *testing.T) {
	release := make(chan struct{})
	in := start(t, "flood", specOf(slog.New(slowHandler{release: release})))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // until records are dropped, however slow the machine is
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for in.dropped.Load() == 0 && in.Err() == nil && ctx.Err() == nil {
			<-tick.C
		}
		cancel()
	}()
	if _, err := probe.Tick.Call(ctx, in, probe.Tock{}); !errors.Is(err, contract.Canceled) {
		t.Error(err)
	}
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapAlloc > 200<<20 {
		t.Errorf("%d bytes in use", m.HeapAlloc)
	}
	if in.dropped.Load() == 0 {
		t.Errorf("no record was dropped although the log stood still: %v", in.Err())
	}
	close(release)
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

// TestForeign: a plugin written from the specification alone works, in JSON.
func TestForeign(t *testing.T) {
	lines := make(chan string, 10)
	type key struct{}
	s := specOf(slog.New(lineHandler{lines}))
	s.Config = []byte(`{"word":"hi "}`)
	s.Host = []contract.Handler{probe.Lookup.Handle(func(ctx context.Context, x probe.Text) (probe.Text, error) {
		if ctx.Value(key{}) != "outer" || load.Caller(ctx) != id {
			t.Errorf("context of the call: %v, caller %q", ctx.Value(key{}), load.Caller(ctx))
		}
		if x.Text == "" {
			return x, contract.Errorf(contract.NotFound, "nothing").Because("NONE").With("k", "v")
		}
		return probe.Text{Text: x.Text + "!"}, nil
	})}
	in := start(t, "foreign", s)
	if got := <-lines; got != "open" {
		t.Errorf("log %q", got)
	}
	got, err := probe.Tick.Call(t.Context(), in, probe.Tock{Text: "Ada", Data: []byte{0, 255}})
	if err != nil || got.Text != "hi Ada" || !bytes.Equal(got.Data, []byte{0, 255}) {
		t.Errorf("%+v, %v", got, err)
	}
	ctx := context.WithValue(t.Context(), key{}, "outer")
	if got, err := probe.Call.Call(ctx, in, probe.Text{Text: "x"}); err != nil || got.Text != "x!" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = probe.Call.Call(ctx, in, probe.Text{})
	if e := contract.AsError(err); e == nil || e.Code != contract.NotFound || e.Reason != "NONE" || e.Details["k"] != "v" {
		t.Errorf("%v", err)
	}
	if _, err := probe.Fail.Call(t.Context(), in, probe.Failure{}); !errors.Is(err, contract.Unimplemented) || !strings.HasPrefix(err.Error(), "not /plugstead") {
		t.Error(err)
	}
	if err := errors.Join(in.Health(t.Context()), in.Stop(t.Context()), in.Err()); err != nil {
		t.Error(err)
	}
}

// TestNothingLeft: starting and ending leaves no goroutine, descriptor or process.
func TestNothingLeft(t *testing.T) {
	dir := folder(t, "good")
	once := func(end func(load.Instance) error) {
		in, err := quick.Start(t.Context(), image(dir, "good"), specOf(nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := probe.Tick.Call(t.Context(), in, probe.Tock{}); err != nil {
			t.Error(err)
		}
		if err := end(in); err != nil {
			t.Error(err)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
	stop := func(in load.Instance) error { return in.Stop(t.Context()) }
	crash := func(in load.Instance) error {
		defer func() { <-in.Done() }()
		return in.(*instance).child.cmd.Process.Kill()
	}
	once(stop)
	fds, goroutines := count(t), runtime.NumGoroutine()
	for range 5 {
		once(stop)
		once(crash)
		once(load.Instance.Close)
		if _, err := quick.Start(t.Context(), image(folder(t, "exits"), "exits"), specOf(nil)); err == nil {
			t.Error("started")
		}
	}
	for runtime.NumGoroutine() > goroutines {
		runtime.Gosched() // goroutines that have done their work, on their way out
	}
	if got := count(t); got > fds {
		t.Errorf("%d descriptors, %d before", got, fds)
	}
	var status syscall.WaitStatus
	if pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil); err != syscall.ECHILD {
		t.Errorf("child %d is left: %v", pid, err)
	}
}

func count(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestHostKilled: a host that is killed leaves no plugin behind, and nothing that a plugin
// has started.
func TestHostKilled(t *testing.T) {
	for _, kind := range []string{"good", "family"} {
		t.Run(kind, func(t *testing.T) { hostKilled(t, kind) })
	}
	t.Run("beside a confined one", func(t *testing.T) {
		needFiles(t)
		hostKilled(t, "family", package_(t).Tree)
	})
}

func hostKilled(t *testing.T, kind string, more ...string) {
	cmd := exec.Command(os.Args[0], append([]string{folder(t, kind), kind}, more...)...)
	cmd.Args[0] = "host"
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	cmd.Stderr = os.Stderr
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	lines := bufio.NewScanner(out)
	var pid, child int
	for (pid == 0 || child == 0 && kind == "family") && lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "child %d", &child); err != nil {
			_, _ = fmt.Sscan(lines.Text(), &pid)
		}
	}
	if pid == 0 {
		t.Fatal(lines.Err())
	}
	fds := []int{watchPid(t, pid)}
	if kind == "family" {
		fds = append(fds, watchPid(t, child))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for _, fd := range fds {
		gone(t, fd)
	}
}

// TestServiceGoroutineEnds: a service of the host that ends its goroutine, as a test that fails
// does, still answers its plugin.
func TestServiceGoroutineEnds(t *testing.T) {
	s := specOf(nil)
	s.Host = []contract.Handler{
		probe.Lookup.Handle(func(context.Context, probe.Text) (probe.Text, error) {
			runtime.Goexit()
			return probe.Text{}, nil
		}),
		probe.Feed.Handle(func(context.Context, probe.Number) iter.Seq2[probe.Number, error] {
			return func(func(probe.Number, error) bool) { runtime.Goexit() }
		}),
	}
	in := start(t, "good", s)
	if _, err := probe.Call.Call(t.Context(), in, probe.Text{}); contract.AsError(err).Reason != contract.ReasonPanic {
		t.Errorf("call: %v", err)
	}
	for _, err := range probe.Pull.Call(t.Context(), in, probe.Pulling{From: "host", N: 5}) {
		if contract.AsError(err).Reason != contract.ReasonPanic {
			t.Errorf("stream: %v", err)
		}
	}
}

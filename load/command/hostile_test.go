//go:build unix

package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
)

// pipe is a named pipe through which test and script meet.
type pipe struct{ path string }

func fifo(t testing.TB, dir, name string) pipe {
	t.Helper()
	p := pipe{filepath.Join(dir, name)}
	if err := syscall.Mkfifo(p.path, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// await waits for a line of the script and returns it.
func (p pipe) await(t testing.TB) string {
	t.Helper()
	f, err := os.Open(p.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// open lets the script go on.
func (p pipe) open(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile(p.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// gone waits until no process of a group is left. What is killed still has to be reaped.
func gone(t testing.TB, group int) {
	t.Helper()
	for syscall.Kill(-group, 0) == nil {
		runtime.Gosched()
	}
}

// TestEndings are runs that go wrong in ways of their own.
func TestEndings(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		code   contract.Code
		reason string
		text   string
	}{
		"exit 1":            {`exit 1`, contract.Unknown, "", "plugin acme/wc: exit status 1"},
		"last words":        {`echo first >&2; echo "error: no words" >&2; exit 3`, contract.Unknown, "", "plugin acme/wc: exit status 3: no words"},
		"not found":         {`exit 105`, contract.NotFound, "", ""},
		"no such program":   {`nosuchprogram`, contract.FailedPrecondition, "", "exit status 127: "},
		"object":            {`echo '{"code":5,"message":"none","reason":"NO_WORDS"}'; exit 1`, contract.NotFound, "NO_WORDS", "none"},
		"object, exit code": {`echo '{"message":"none"}'; exit 107`, contract.PermissionDenied, "", "none"},
		"object and exit 0": {`echo '{"code":5'`, contract.Internal, contract.ReasonProtocol, "answer"},
		"garbage":           {`head -c 3000 /dev/urandom`, contract.Internal, contract.ReasonProtocol, "answer"},
		"garbage and error": {`head -c 3000 /dev/urandom; exit 103`, contract.InvalidArgument, "", "exit status 103"},
		"two answers":       {`echo '{"Words":1}{"Words":2}'`, contract.Internal, contract.ReasonProtocol, "answer"},
		"other type":        {`echo '{"Words":"many"}'`, contract.Internal, contract.ReasonProtocol, "answer"},
		"nothing":           {`:`, contract.Internal, contract.ReasonProtocol, "no answer"},
		"blanks":            {`echo; echo`, contract.Internal, contract.ReasonProtocol, "no answer"},
		"signal":            {`echo dying >&2; kill -SEGV $$`, contract.Unavailable, contract.ReasonCrashed, "segmentation fault"},
		"closes all":        {`exec <&- >&- 2>&-; exit 0`, contract.Internal, contract.ReasonProtocol, "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			in := start(t, Driver{}, c.script, load.Spec{})
			_, err := words.Call(t.Context(), in, text{strings.Repeat("x", 200<<10)}) // more than a pipe holds
			e := contract.AsError(err)
			if e == nil || e.Code != c.code || e.Reason != c.reason || !strings.Contains(e.Message, c.text) || !e.Delivered() {
				t.Errorf("%#v", e)
			}
			if strings.ContainsFunc(e.Message, func(r rune) bool { return r < ' ' }) {
				t.Errorf("%q", e.Message)
			}
		})
	}
}

// TestInput: a program need not read what it is given.
func TestInput(t *testing.T) {
	for name, script := range map[string]string{
		"ignores it":   `echo '{"Words":4}'`,
		"closes it":    `exec <&-; echo '{"Words":4}'`,
		"reads a part": `head -c 10 > /dev/null; echo '{"Words":4}'`,
		"reads late":   `echo '{"Words":4}'; exec >&-; cat > /dev/null`,
	} {
		in := start(t, Driver{}, script, load.Spec{})
		if n, err := words.Call(t.Context(), in, text{strings.Repeat("x ", 1<<20)}); err != nil || n.Words != 4 {
			t.Errorf("%s: %v, %v", name, n, err)
		}
	}
}

// TestTooLarge: output is bounded whatever comes, and the program does not outlive that.
func TestTooLarge(t *testing.T) {
	dir := t.TempDir()
	here := fifo(t, dir, "here")
	in := start(t, Driver{}, `echo $$ > "$PLUGSTEAD_DATA/here"; cat /dev/zero`, load.Spec{DataDir: dir})
	result := make(chan error, 1)
	go func() { result <- errOf(small.Call(t.Context(), in, text{})) }()
	group, err := strconv.Atoi(here.await(t))
	if err != nil {
		t.Fatal(err)
	}
	if e := contract.AsError(<-result); e == nil || e.Code != contract.ResourceExhausted || e.Reason != contract.ReasonTooLarge {
		t.Errorf("%v", e)
	}
	gone(t, group)

	in = start(t, Driver{}, `printf '{"Text":"'; head -c 200 /dev/zero | tr '\0' x; printf '"}'`, load.Spec{})
	if _, err := small.Call(t.Context(), in, text{}); !errors.Is(err, contract.ResourceExhausted) {
		t.Error(err)
	}
	if _, err := small.Call(t.Context(), in, text{strings.Repeat("x", 200)}); !errors.Is(err, contract.ResourceExhausted) {
		t.Error(err)
	}
}

// TestFlood: a program that writes to standard error without end costs no memory.
func TestFlood(t *testing.T) {
	var log records
	in := start(t, Driver{}, `head -c 3000000 /dev/zero | tr '\0' 'x' >&2; echo '{"Words":1}'`, load.Spec{Log: slog.New(&log)})
	if _, err := words.Call(t.Context(), in, text{}); err != nil {
		t.Fatal(err)
	}
	lines, n := log.lines(), 0
	for _, l := range lines {
		n += len(l)
	}
	if n > 2*maxStderr || !strings.Contains(lines[len(lines)-1], "more to standard error") {
		t.Errorf("%d bytes, then %.100q", n, lines[len(lines)-1])
	}
}

// TestCut: what runs when nobody waits any more is ended, with all that it has started.
func TestCut(t *testing.T) {
	never := `trap '' TERM INT HUP PIPE; (trap '' TERM; sleep 1000) & echo $$ > "$PLUGSTEAD_DATA/here"; while :; do sleep 1000; done`
	for name, end := range map[string]struct {
		f    func(in *instance, cancel context.CancelFunc)
		code contract.Code
	}{
		"context": {func(_ *instance, cancel context.CancelFunc) { cancel() }, contract.Canceled},
		"close":   {func(in *instance, _ context.CancelFunc) { _ = in.Close() }, contract.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			here := fifo(t, dir, "here")
			in := start(t, Driver{}, never, load.Spec{DataDir: dir})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			result := make(chan error, 1)
			go func() { result <- errOf(again2.Call(ctx, in, text{})) }()
			group, err := strconv.Atoi(here.await(t))
			if err != nil {
				t.Fatal(err)
			}
			end.f(in, cancel)
			if e := contract.AsError(<-result); e == nil || e.Code != end.code || !e.Delivered() {
				t.Errorf("%#v", e)
			}
			gone(t, group)
		})
	}
}

func TestDeadline(t *testing.T) {
	in := start(t, Driver{}, `sleep 1000; echo '{}'`, load.Spec{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := words.Call(ctx, in, text{}); !errors.Is(err, contract.DeadlineExceeded) || !contract.AsError(err).Delivered() {
		t.Errorf("%v", err)
	}
	if _, err := words.Call(ctx, in, text{}); !errors.Is(err, contract.DeadlineExceeded) || contract.AsError(err).Delivered() {
		t.Errorf("over before: %v", err)
	}
}

// TestHeir: a program that is left behind and holds the output does not hold up the call.
func TestHeir(t *testing.T) {
	for name, script := range map[string]string{
		"in the group":  `sleep 1000 & echo '{"Words":3}'`,
		"out of it":     `setsid sh -c 'echo $$ > "$PLUGSTEAD_DATA/pid"; sleep 1000' & while [ ! -s "$PLUGSTEAD_DATA/pid" ]; do sleep 0.01; done; echo '{"Words":3}'`,
		"with an error": `sleep 1000 & echo '{"message":"left"}'; exit 105`,
	} {
		dir := t.TempDir()
		in := start(t, Driver{}, script, load.Spec{DataDir: dir})
		n, err := words.Call(t.Context(), in, text{strings.Repeat("x", 300<<10)})
		switch {
		case name == "with an error" && (!errors.Is(err, contract.NotFound) || err.Error() != "left"):
			t.Errorf("%s: %v", name, err)
		case name != "with an error" && (err != nil || n.Words != 3):
			t.Errorf("%s: %v, %v", name, n, err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
			if err != nil || syscall.Kill(-pid, syscall.SIGKILL) != nil {
				t.Errorf("%q: %v", b, err)
			}
		}
	}
}

// TestRepeated: idempotent calls whose program crashed are made again, others are not.
func TestRepeated(t *testing.T) {
	const script = `echo x >> "$PLUGSTEAD_DATA/runs"; [ "$(wc -l < "$PLUGSTEAD_DATA/runs")" -ge %d ] && { echo '{"Words":5}'; exit; }; kill -KILL $$`
	for _, c := range []struct {
		m    contract.UnaryMethod[text, number]
		good int // run
		runs int
		code contract.Code
	}{
		{again2, 1, 1, contract.OK},
		{again2, 3, 3, contract.OK},
		{again2, 4, 3, contract.Internal},
		{words, 2, 1, contract.Unavailable},
	} {
		dir := t.TempDir()
		in := start(t, Driver{}, fmt.Sprintf(script, c.good), load.Spec{DataDir: dir})
		n, err := c.m.Call(t.Context(), in, text{})
		switch e := contract.AsError(err); {
		case c.code == contract.OK && (err != nil || n.Words != 5):
			t.Errorf("%+v: %v, %v", c, n, err)
		case c.code != contract.OK && (e == nil || e.Code != c.code || e.Reason != contract.ReasonCrashed):
			t.Errorf("%+v: %v", c, err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "runs")); err != nil || len(b) != 2*c.runs {
			t.Errorf("%+v: %d runs, %v", c, len(b)/2, err)
		}
	}
}

// TestConcurrency: no more programs run than may, and who waits can leave.
func TestConcurrency(t *testing.T) {
	dir := t.TempDir()
	in := start(t, Driver{Concurrency: 2}, `
mkdir "$PLUGSTEAD_DATA/$$"; ls "$PLUGSTEAD_DATA" | wc -l >> "$PLUGSTEAD_DATA.count"
cat > /dev/null; rmdir "$PLUGSTEAD_DATA/$$"; echo '{"Words":1}'`, load.Spec{DataDir: dir})
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			if _, err := words.Call(t.Context(), in, text{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b, err := os.ReadFile(dir + ".count")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir + ".count")
	for line := range strings.FieldsSeq(string(b)) {
		if n, err := strconv.Atoi(line); err != nil || n > 2 {
			t.Errorf("%s at the same time", line)
		}
	}

	in.slots <- struct{}{}
	in.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- errOf(words.Call(ctx, in, text{})) }()
	cancel()
	if e := contract.AsError(<-result); e == nil || e.Code != contract.Canceled || e.Delivered() {
		t.Errorf("%#v", e)
	}
	go func() { result <- errOf(words.Call(t.Context(), in, text{})) }()
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if e := contract.AsError(<-result); e == nil || e.Code != contract.Unavailable || e.Delivered() {
		t.Errorf("%#v", e)
	}
}

// TestNotStarted: a program that cannot be started was not called.
func TestNotStarted(t *testing.T) {
	in := start(t, Driver{}, "echo '{}'", load.Spec{})
	script := filepath.Join(in.image.Tree, "run.sh")
	for content, mode := range map[string]os.FileMode{"#!/no/such/interpreter\n": 0o700, "no script": 0o700, "#!/bin/sh\n": 0o600} {
		if err := errors.Join(os.Remove(script), os.WriteFile(script, []byte(content), mode)); err != nil {
			t.Fatal(err)
		}
		_, err := words.Call(t.Context(), in, text{})
		if e := contract.AsError(err); e == nil || e.Code != contract.FailedPrecondition || e.Delivered() {
			t.Errorf("%q: %#v", content, e)
		}
	}
	if err := os.Chmod(script, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := in.Health(t.Context()); !errors.Is(err, contract.FailedPrecondition) {
		t.Error(err)
	}
}

// TestBusy: a program that somebody still writes is tried again until that ends.
func TestBusy(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux refuses to start what is open for writing")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "busy")
	b, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	j := job{path: path, args: []string{"-c", "echo '{}'"}, limit: 10, log: slog.New(slog.DiscardHandler)}
	if _, err := launch(ctx, j, func() {}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	go f.Close()
	r, err := launch(t.Context(), j, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if o := <-r.ended; o.exit != 0 || strings.TrimSpace(string(o.out)) != "{}" {
		t.Errorf("%+v", o)
	}
}

// TestNothingLeft: many runs of every kind leave no goroutine and no descriptor.
func TestNothingLeft(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("descriptors are counted in /proc")
	}
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	rounds := func(n int) {
		for range n {
			for _, script := range []string{`echo '{}'`, `exit 3`, `kill -KILL $$`, `sleep 1000`, `cat /dev/zero`} {
				in := start(t, Driver{}, script, load.Spec{})
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				_, _ = small.Call(ctx, in, text{})
				cancel()
				if err := in.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	rounds(2)
	files, goroutines := count(), runtime.NumGoroutine()
	rounds(10)
	if n := count(); n > files+2 {
		t.Errorf("%d descriptors, %d before", n, files)
	}
	if n := runtime.NumGoroutine(); n > goroutines+2 {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
}

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/plugstead/plugstead/internal/frame"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/internal/confine"
	"github.com/plugstead/plugstead/load/internal/remote"
	"github.com/plugstead/plugstead/load/internal/tree"
)

// outputGrace is how long output is read after the program has ended. Only a program
// that it left behind can still hold the pipe.
const outputGrace = 250 * time.Millisecond

// child is a running program. It is reaped in every case, unless it is [child.attached].
type child struct {
	cmd  *exec.Cmd // nil: attached
	wire wire      // the host's end
	prog *tree.Program

	sandbox *sandbox // nil: none

	hint   remote.Hint
	exited chan struct{} // closed when the program is reaped and its output is read
}

// ends are one side of all that connects host and program. The host closes those of the
// program after the start.
type ends struct {
	wire           wire
	stdout, stderr *os.File
}

func (e ends) close() {
	e.wire.close()
	for _, f := range []*os.File{e.stdout, e.stderr} {
		if f != nil {
			f.Close()
		}
	}
}

// How long a program that is still open for writing in another process is tried again, in
// doubling steps. Every process that is started has, for a moment, what its parent had open.
const (
	busyFirst = time.Millisecond
	busyLast  = 256 * time.Millisecond
)

// launch is launchOnce, again if the program is busy.
func launch(ctx context.Context, path string, im load.Image, s load.Spec, box *sandbox, env ...string) (*child, error) {
	for wait := busyFirst; ; wait *= 2 {
		c, err := launchOnce(path, im, s, box, env...)
		if !errors.Is(err, syscall.ETXTBSY) || wait > busyLast {
			return c, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// launchOnce starts the program. All that it does after that is on its own goroutines,
// which end when the program does.
func launchOnce(path string, im load.Image, s load.Spec, box *sandbox, env ...string) (*child, error) {
	var host, theirs ends
	var errs [3]error
	host.wire, theirs.wire, errs[0] = connect()
	host.stdout, theirs.stdout, errs[1] = os.Pipe()
	host.stderr, theirs.stderr, errs[2] = os.Pipe()
	defer theirs.close()
	if err := errors.Join(errs[:]...); err != nil {
		host.close()
		return nil, err
	}
	c := &child{wire: host.wire, exited: make(chan struct{}), sandbox: box, hint: remote.Hint{Hide: s.Hide}}
	c.cmd = exec.Command(path)
	c.cmd.Dir = im.Tree
	c.cmd.Stdout, c.cmd.Stderr = theirs.stdout, theirs.stderr
	c.cmd.Env = append(append(env, remote.Environ(s.Grants)...),
		"PLUGSTEAD_PROTOCOL="+strconv.Itoa(frame.Version), "PLUGSTEAD_PLUGIN="+string(im.Manifest.ID))
	if err := c.start(theirs.wire, host, s.Logger()); err != nil {
		host.close()
		return nil, err
	}
	return c, nil
}

func (c *child) start(theirs wire, host ends, log *slog.Logger) (err error) {
	if c.prog, err = tree.New(c.cmd); err != nil {
		return err
	}
	if err := theirs.pass(c.cmd); err != nil {
		c.prog.Discard()
		return err
	}
	started := make(chan error)
	run := func() { c.run(started, host, log) }
	if c.sandbox.taints() {
		confine.Go(run)
	} else {
		go run()
	}
	return <-started
}

// begin starts the program under our rules.
func (c *child) begin(log *slog.Logger) error {
	if err := c.sandbox.apply(); err != nil {
		c.prog.Discard()
		return err
	}
	return c.prog.Start(log, func(pid int) error {
		if c.sandbox == nil {
			return nil
		}
		return c.sandbox.limit.set(pid)
	})
}

// run starts the program and waits for its end. It keeps its thread: on Linux the
// program is killed when the thread that started it ends.
func (c *child) run(started chan<- error, host ends, log *slog.Logger) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.begin(log)
	started <- err
	if err != nil {
		return
	}
	var output sync.WaitGroup
	output.Go(func() { c.copy(host.stdout, &remote.Lines{Log: log, Level: slog.LevelInfo, Stream: "stdout"}) })
	output.Go(func() {
		c.copy(host.stderr, &remote.Lines{Log: log, Level: slog.LevelWarn, Stream: "stderr", Each: c.hint.Note})
	})
	_ = c.prog.Wait()
	until := time.Now().Add(outputGrace)
	for _, f := range []*os.File{host.stdout, host.stderr} {
		_ = f.SetReadDeadline(until) // where files have none, all who could hold the pipe are dead
	}
	output.Wait()
	host.stdout.Close()
	host.stderr.Close()
	c.wire.finish()
	close(c.exited)
}

func (c *child) copy(f *os.File, l *remote.Lines) {
	_, _ = io.CopyBuffer(l, struct{ io.Reader }{f}, make([]byte, 4<<10)) // ends with the pipe
	l.Flush()
}

// kill ends the program and what it has started. It does nothing once it is reaped,
// when its number may belong to another.
func (c *child) kill() {
	if c.attached() {
		c.wire.close()
		return
	}
	c.prog.Kill()
}

// ending says in words how the program ended. It is called after exited.
func (c *child) ending() string {
	if c.attached() {
		return "went away, which was attached"
	}
	text := "ended without being asked to"
	if err := c.prog.Status(); err != nil {
		text = fmt.Sprintf("ended with %v", err)
	}
	return text + c.hint.After()
}

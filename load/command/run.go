package command

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/plugstead/plugstead/load/internal/remote"
	"github.com/plugstead/plugstead/load/internal/tree"
)

const (
	// outputGrace is how long output is read after the program has ended. Only a program
	// that left its group can still hold the pipe.
	outputGrace = 250 * time.Millisecond
	// lastLook takes what is in the pipe already when that is over, also on a machine that
	// was too busy to do so before.
	lastLook = 50 * time.Millisecond
	// blanks is how many bytes an answer may be longer than its message.
	blanks = 4 << 10
)

// job is what a run needs.
type job struct {
	path, dir string
	args, env []string
	input     []byte
	limit     int // of standard output in bytes
	log       *slog.Logger
	hide      func(error) error // that of load.Spec
}

// run is one run of the program. It is reaped in every case.
type run struct {
	job
	prog                  *tree.Program
	stdin, stdout, stderr *os.File // our ends

	hint   remote.Hint
	killed atomic.Bool
	out    limited
	ended  chan outcome // gets one value when all is over
}

// limited keeps bytes up to a limit.
type limited struct {
	buf   bytes.Buffer
	limit int
}

var errTooLarge = errors.New("more than an answer may be")

// Write implements io.Writer.
func (l *limited) Write(b []byte) (int, error) {
	if l.buf.Len()+len(b) > l.limit {
		return 0, errTooLarge
	}
	return l.buf.Write(b)
}

// launch starts the program. What it does then is on goroutines that end with it; after is
// called at the end of all of them, unless there is an error.
func launch(ctx context.Context, j job, after func()) (*run, error) {
	r := &run{job: j, hint: remote.Hint{Hide: j.hide}, ended: make(chan outcome, 1)}
	r.out.limit = j.limit + blanks
	var theirs [3]*os.File
	var errs [3]error
	theirs[0], r.stdin, errs[0] = os.Pipe()
	r.stdout, theirs[1], errs[1] = os.Pipe()
	r.stderr, theirs[2], errs[2] = os.Pipe()
	err := errors.Join(errs[:]...)
	if err == nil {
		started := make(chan error)
		go r.main(ctx, theirs, started, after)
		err = <-started
	}
	for _, f := range theirs {
		closeFile(f)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func closeFile(f *os.File) {
	if f != nil {
		f.Close()
	}
}

func (r *run) close() {
	for _, f := range []*os.File{r.stdin, r.stdout, r.stderr} {
		closeFile(f)
	}
}

// main starts the program and waits for its end. It keeps its thread, see
// [tree.Program.Start].
func (r *run) main(ctx context.Context, theirs [3]*os.File, started chan<- error, after func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := r.start(ctx, theirs)
	started <- err
	if err != nil {
		return
	}
	defer after()
	errOut := newStderr(r.log, &r.hint)
	var output sync.WaitGroup
	output.Go(func() {
		_, _ = r.stdin.Write(r.input) // a program may leave it unread
		r.stdin.Close()
	})
	output.Go(func() {
		if errors.Is(drain(&r.out, r.stdout), errTooLarge) {
			r.out.limit = -1
			r.kill()
		}
	})
	output.Go(func() {
		_ = drain(errOut, r.stderr)
		errOut.end()
	})
	err = r.prog.Wait()
	grace := outputGrace
	if r.killed.Load() {
		grace = 0
	}
	r.until(time.Now().Add(grace))
	output.Wait()
	r.close()
	r.ended <- r.outcome(err)
}

// busy is how long a program that is still open for writing in another process is tried
// again, in doubling steps. Every process that is started has, for a moment, what this one had open.
const (
	busyFirst = time.Millisecond
	busyLast  = 256 * time.Millisecond
)

// start starts the program.
func (r *run) start(ctx context.Context, theirs [3]*os.File) error {
	for wait := busyFirst; ; wait *= 2 {
		cmd := exec.Command(r.path, r.args...)
		cmd.Dir, cmd.Env = r.dir, r.env
		cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
		var err error
		if r.prog, err = tree.New(cmd); err != nil {
			return err
		}
		if err = r.prog.Start(r.log, nil); !errors.Is(err, syscall.ETXTBSY) || wait > busyLast {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain copies f to w until its end, or until a while after its deadline.
func drain(w io.Writer, f *os.File) error {
	buf := make([]byte, 8<<10)
	_, err := io.CopyBuffer(w, struct{ io.Reader }{f}, buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = f.SetReadDeadline(time.Now().Add(lastLook))
		_, err = io.CopyBuffer(w, struct{ io.Reader }{f}, buf)
	}
	return err
}

// until lets nothing wait for the pipes longer than that. Where they have no deadlines all
// who could hold them are dead.
func (r *run) until(t time.Time) {
	_ = r.stdout.SetReadDeadline(t)
	_ = r.stderr.SetReadDeadline(t)
	_ = r.stdin.SetWriteDeadline(time.Now())
}

// kill ends the program and what it has started. Nobody needs its output any more.
func (r *run) kill() {
	r.killed.Store(true)
	r.prog.Kill()
}

// tooLarge reports whether the program wrote more than it may. It is asked after ended.
func (r *run) tooLarge() bool { return r.out.limit < 0 }

// outcome puts together how the run ended, given the error of its Wait.
func (r *run) outcome(err error) outcome {
	o := outcome{out: r.out.buf.Bytes(), hint: r.hint.After()}
	if err != nil {
		o.exit, o.ending = -1, err.Error()
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			o.exit = e.ExitCode()
		}
	}
	return o
}

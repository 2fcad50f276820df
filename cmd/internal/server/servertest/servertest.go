// Package servertest starts the services that a registry can stand on, for tests: a
// PostgreSQL server and an S3-compatible one. They listen on loopback, keep what they
// have in temporary folders and end with the test program, even if it is killed.
//
// A test package calls [Main] from TestMain. A test that needs a program which this
// machine lacks is skipped and says so; tools/ci-setup installs them.
package servertest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// Main runs the tests and ends the services that they started.
func Main(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

var (
	mu      sync.Mutex
	running []func()
)

// Stop ends the services that were started. A program that is no test calls it at its end.
func Stop() {
	mu.Lock()
	defer mu.Unlock()
	for _, stop := range slices.Backward(running) {
		stop()
	}
	running = nil
}

// service is a program that runs until the test program ends.
type service struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan struct{} // closed when it has ended
	err  error         // how, after done
}

// start runs cmd from a thread of its own, which lives as long as cmd: the kernel ends
// the program when the thread that started it ends.
func start(cmd *exec.Cmd, stop os.Signal) (*service, error) {
	s := &service{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &s.out, &s.out
	endWithParent(cmd)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer close(s.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			s.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	running = append(running, func() {
		cmd.Process.Signal(stop)
		<-s.done
	})
	return s, nil
}

// ready waits until ask succeeds.
func (s *service) ready(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s ended: %w\n%s", s.cmd.Path, s.err, s.out.String())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", s.cmd.Path, err)
		case <-tick.C:
		}
	}
}

// port returns a port of loopback that is free.
func port() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// need skips the test if what is missing.
func need(t testing.TB, what string, ok bool) {
	t.Helper()
	if !ok {
		t.Skipf("skipped: %s is not installed (tools/ci-setup)", what)
	}
}

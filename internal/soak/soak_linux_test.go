package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/supervise"
)

var length = flag.Duration("soak", 3*time.Second, "how long to run")

const (
	callers   = 8
	swapCount = 20
)

func TestMain(m *testing.M) { flag.Parse(); loadtest.Main(m) }

// soak is what goes on at the same time.
type soak struct {
	t      *testing.T
	set    *supervise.Set
	images []load.Image
	end    chan struct{}

	calls, cut, kills atomic.Int64
	twice             atomic.Int64 // callbacks of calls that were executed again
	once              once
	mu                sync.Mutex
	lost              map[string]int
}

// TestSoak: only what was in flight in a plugin that was killed fails, and nothing is left.
func TestSoak(t *testing.T) {
	images := []load.Image{
		loadtest.Image(t, manifest.RuntimeProcess, testplugin.PeerID),
		loadtest.Image(t, manifest.RuntimeProcess, testplugin.ID),
	}
	warm := newSoak(t, images)
	warm.run(100*time.Millisecond, 1) // what is made once is made
	before := measure()

	s := newSoak(t, images)
	early := s.run(*length, swapCount)
	after := measure()

	for why, n := range s.lost {
		t.Errorf("%d calls lost: %s", n, why)
	}
	fmt.Printf("%v: %d calls by %d callers, %d plugins killed, %d calls in flight cut off, heap %d KiB early and %d KiB late\n",
		*length, s.calls.Load(), callers, s.kills.Load(), s.cut.Load(), early>>10, after.heap>>10)
	for _, c := range []struct {
		name       string
		got, bound int
	}{
		{"soak-calls-lost", s.lostCalls(), 0},
		{"soak-calls-executed-twice", int(s.twice.Load()), 0},
		{"soak-goroutines-left", after.goroutines - before.goroutines, 0},
		{"soak-descriptors-left", after.descriptors - before.descriptors, 0},
		{"soak-processes-left", after.processes, 0},
		{"soak-heap-growth-KiB", max(0, int(after.heap-early)>>10), 4 << 10},
	} {
		word := "ok"
		if c.got > c.bound {
			word = "MISSED"
			t.Error(c.name, c.got)
		}
		fmt.Printf("target %s %d <= %d %s\n", c.name, c.got, c.bound, word)
	}
}

func newSoak(t *testing.T, images []load.Image) *soak {
	s := &soak{t: t, images: images, end: make(chan struct{}), lost: map[string]int{}}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	spec := func(im load.Image) (load.Spec, error) {
		return load.Spec{Host: s.services(), Log: log, Peer: s.set.Peer}, nil
	}
	s.set = supervise.New([]load.Driver{process.Driver{}}, spec, supervise.Policy{
		Restarts: 1 << 30, Backoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond, Heartbeat: 50 * time.Millisecond,
	}, supervise.Events{})
	return s
}

func (s *soak) lostCalls() (n int) {
	for _, c := range s.lost {
		n += c
	}
	return n
}

func (s *soak) services() []contract.Handler {
	return []contract.Handler{
		probe.Lookup.Handle(func(_ context.Context, t probe.Text) (probe.Text, error) {
			if !s.once.first(t.Text) {
				s.twice.Add(1)
			}
			return probe.Text{Text: "found " + t.Text}, nil
		}),
		probe.Note.Handle(func(context.Context, probe.Text) (probe.Nothing, error) { return probe.Nothing{}, nil }),
		probe.Feed.Handle(func(_ context.Context, n probe.Number) iter.Seq2[probe.Number, error] { return below(n.N) }),
	}
}

// run returns the heap in use after a fifth of the time.
func (s *soak) run(d time.Duration, swaps int) (early int64) {
	if err := s.set.Sync(s.t.Context(), s.images); err != nil {
		s.t.Fatal(err)
	}
	var work sync.WaitGroup
	for range callers {
		work.Go(s.call)
	}
	work.Go(s.kill)
	for i := range swaps {
		s.wait(d / time.Duration(swaps))
		if i == swaps/5 {
			early = measure().heap
		}
		for err := errors.New("not yet"); err != nil; { // a new instance may be killed while it starts
			_, err = s.set.Put(s.t.Context(), s.images[i%2])
		}
	}
	close(s.end)
	work.Wait()
	if err := s.set.Close(); err != nil {
		s.t.Error(err)
	}
	return early
}

// wait waits, or until the end.
func (s *soak) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.end:
		return false
	}
}

// call does one thing after the other.
func (s *soak) call() {
	p := s.set.Plugin(testplugin.ID)
	for {
		select {
		case <-s.end:
			return
		default:
		}
		o, n := random()
		err := o.do(s.t.Context(), p, n)
		s.calls.Add(1)
		switch e := contract.AsError(err); {
		case err == nil:
		case e.Code == contract.Unavailable && e.Delivered():
			s.cut.Add(1)
		default:
			s.mu.Lock()
			s.lost[o.name+": "+err.Error()]++
			s.mu.Unlock()
		}
	}
}

// kill ends one plugin after the other.
func (s *soak) kill() {
	for s.wait(time.Duration(50+rand.IntN(250)) * time.Millisecond) {
		pids := s.pids()
		if len(pids) == 0 {
			continue
		}
		if syscall.Kill(pids[rand.IntN(len(pids))], syscall.SIGKILL) == nil {
			s.kills.Add(1)
		}
	}
}

// pids are the processes that run the plugins.
func (s *soak) pids() []int { return running(filepath.Join(s.images[0].Tree, "plugin.exe")) }

// running lists the children of this process that run the program at path; any program if
// path is empty.
func running(path string) (pids []int) {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, l := range lists {
		b, _ := os.ReadFile(l)
		for f := range strings.FieldsSeq(string(b)) {
			pid, _ := strconv.Atoi(f)
			if exe, err := os.Readlink("/proc/" + f + "/exe"); err == nil && (path == "" || exe == path) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// state is what a soak may leave behind.
type state struct {
	goroutines, descriptors, processes int
	heap                               int64
}

func measure() state {
	runtime.GC()
	runtime.GC() // pools are emptied in two steps
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fds, _ := os.ReadDir("/proc/self/fd")
	s := state{runtime.NumGoroutine(), len(fds), len(running("")), int64(m.HeapAlloc)}
	for range 1000 { // goroutines that have done their work are on their way out
		if n := runtime.NumGoroutine(); n < s.goroutines {
			s.goroutines = n
		}
		runtime.Gosched()
	}
	return s
}

// TestOps: every operation works on a plugin that nobody kills.
func TestOps(t *testing.T) {
	s := newSoak(t, []load.Image{
		loadtest.Image(t, manifest.RuntimeProcess, testplugin.PeerID), loadtest.Image(t, manifest.RuntimeProcess, testplugin.ID),
	})
	defer s.set.Close()
	if err := s.set.Sync(t.Context(), s.images); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range ops {
		if err := o.do(t.Context(), s.set.Plugin(testplugin.ID), 7); err != nil {
			t.Errorf("%s: %v", o.name, err)
		}
		names = append(names, o.name)
	}
	if len(s.pids()) != 2 || len(slices.Compact(names)) != len(ops) {
		t.Errorf("processes %v, operations %v", s.pids(), names)
	}
}

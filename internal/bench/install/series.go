package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/plugstead/plugstead/internal/figures"
)

// command is one process: its arguments, and what its environment has besides PATH.
type command struct {
	args []string
	env  []string
	dir  string
}

// result is what one step of one round cost: all its processes together.
type result struct {
	wall     time.Duration
	cpu      time.Duration // of user and system
	peak     int64         // bytes of the largest process
	requests int64
}

// step is the results of a step over all rounds; empty if the program cannot do it.
type step []result

func (s step) p10() time.Duration {
	if len(s) == 0 {
		return 0
	}
	var list []time.Duration
	for _, r := range s {
		list = append(list, r.wall)
	}
	return figures.P10(list)
}

func (s step) text() string {
	if len(s) == 0 {
		return "cannot"
	}
	return s.p10().Round(time.Millisecond).String()
}

// cpu, peak and requests are those of the middle round.
func (s step) cpu() time.Duration { return s.middle(func(r result) int64 { return int64(r.cpu) }) }

func (s step) peak() int64 { return int64(s.middle(func(r result) int64 { return r.peak })) }

func (s step) requests() int64 { return int64(s.middle(func(r result) int64 { return r.requests })) }

func (s step) middle(of func(result) int64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	var list []time.Duration
	for _, r := range s {
		list = append(list, time.Duration(of(r)))
	}
	return figures.Median(list)
}

// series is one program over all rounds.
type series struct {
	installer
	cold, update, again step
	disk                int64 // bytes after the last cold install
}

// measure runs one round in dir and removes it.
func (s *series) measure(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, x := range []struct {
		to   *step
		make func(string) ([]command, error)
	}{{&s.cold, s.Cold}, {&s.update, s.Update}, {&s.again, s.Again}} {
		commands, err := x.make(dir)
		if err != nil {
			return err
		}
		if len(commands) == 0 {
			continue
		}
		r, err := s.run(ctx, commands)
		if err != nil {
			return err
		}
		*x.to = append(*x.to, r)
		if x.to == &s.cold {
			if s.disk, err = size(s.Installed(dir)); err != nil {
				return err
			}
			if s.disk < plugins*payload {
				return fmt.Errorf("only %d bytes were installed", s.disk)
			}
		}
	}
	return nil
}

func (s *series) run(ctx context.Context, commands []command) (result, error) {
	var r result
	before := s.Requests()
	begin := time.Now()
	for _, c := range commands {
		if err := r.add(ctx, c); err != nil {
			return r, err
		}
	}
	r.wall = time.Since(begin)
	r.requests = s.Requests() - before
	return r, nil
}

// add runs one process.
func (r *result) add(ctx context.Context, c command) error {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, c.env...)
	cmd.Dir = c.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	ended, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- watchPeak(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	close(ended)
	r.peak = max(r.peak, <-peak)
	r.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if err != nil {
		return fmt.Errorf("%v: %w\n%s", c.args, err, out.Bytes())
	}
	return nil
}

// size is how many bytes the files below dir take, each inode once.
func size(dir string) (total int64, err error) {
	var seen []uint64
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if ok && st.Nlink > 1 {
			if slices.Contains(seen, st.Ino) {
				return nil
			}
			seen = append(seen, st.Ino)
		}
		total += info.Size()
		return nil
	})
	return total, err
}

package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/plugstead/plugstead/internal/figures"
)

// starts measures how long a plugin takes from nothing to its first answer, how long its
// end takes, and how much memory it holds after that.
func starts(ctx context.Context, images programs, work string, rounds int) ([]figures.Target, error) {
	type program struct {
		name, path string
		start      func() (*row, error)
		up, down   []time.Duration
		memory     int64
	}
	list := []*program{
		{name: "process", path: filepath.Join(work, "echo"), start: func() (*row, error) { return ours(ctx, images.process) }},
		{name: peerName, path: filepath.Join(work, "peer"), start: func() (*row, error) { return theirs(ctx, work) }},
	}
	for range rounds {
		for _, p := range list {
			begin := time.Now()
			r, err := p.start()
			if err != nil {
				return nil, err
			}
			if err := r.tiny(); err != nil {
				return nil, err
			}
			p.up = append(p.up, time.Since(begin))
			p.memory = resident(p.path)
			begin = time.Now()
			r.stop()
			p.down = append(p.down, time.Since(begin))
		}
	}
	fmt.Printf("%-36s %12s %12s %12s %12s\n", "start to first answer", "p10", "p50", "stop p50", "resident")
	for _, p := range list {
		fmt.Printf("  %-34s %12v %12v %12v %8.1f MiB\n", p.name, figures.P10(p.up), figures.Median(p.up), figures.Median(p.down), float64(p.memory)/(1<<20))
	}
	fmt.Println()
	us, them := list[0], list[1]
	memory := math.NaN()
	if them.memory > 0 {
		memory = float64(us.memory) / float64(them.memory)
	}
	return []figures.Target{
		{Name: "start/go-plugin-start", Value: float64(figures.P10(us.up)) / float64(figures.P10(them.up)), Bound: 0.5},
		{Name: "memory/go-plugin-memory", Value: memory, Bound: 1},
	}, nil
}

// resident is the resident memory in bytes of the process that runs the program at path,
// 0 where nobody tells.
func resident(path string) (n int64) {
	for _, pid := range running(path) {
		f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
				kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				n += kib << 10
			}
		}
		f.Close()
	}
	return n
}

// running lists the processes that run the program at path.
func running(path string) (pids []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == path {
			pid, _ := strconv.Atoi(strings.Split(l, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

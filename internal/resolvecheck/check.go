package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/resolve/resolvetest"
)

type options struct {
	roots     string
	conflicts bool
	runs      int
	suggest   bool
}

// line is what is printed for one input.
type line struct {
	Name     string            `json:"name"`
	Roots    int               `json:"roots"`
	Sat      int               `json:"sat"`
	Unsat    int               `json:"unsat"`
	Wrong    int               `json:"wrong"`
	TotalMS  float64           `json:"total_ms"`
	WorstMS  float64           `json:"worst_ms"`
	Status   string            `json:"status,omitempty"`
	Solution map[string]string `json:"solution,omitempty"`
	Expected json.RawMessage   `json:"expected,omitempty"`
}

// check solves one input.
func check(file string, o options) (*line, error) {
	u, tc, err := read(file)
	if err != nil {
		return nil, err
	}
	if tc != nil {
		return checkCase(u, tc, o)
	}
	roots, err := u.roots(o.roots)
	if err != nil {
		return nil, err
	}
	c, ix := convert(u, o.conflicts)
	out := &line{Name: strings.TrimSuffix(filepath.Base(file), ".json")}
	var problems []resolve.Problem
	for _, r := range roots {
		p := c.problem(r)
		p.NoSuggestions = !o.suggest
		problems = append(problems, p)
	}
	_, err = run(out, ix, problems, o.runs)
	return out, err
}

func checkCase(u *universe, tc *testCase, o options) (*line, error) {
	c, ix := convert(u, true)
	p := c.problem(tc.Root)
	for _, name := range slices.Sorted(maps.Keys(tc.Locked)) {
		if l, ok := c.locked(ix, name, tc.Locked[name]); ok {
			if p.Locked == nil {
				p.Locked = &resolve.Lock{}
			}
			p.Locked.Plugins = append(p.Locked.Plugins, l)
		}
	}
	out := &line{Name: tc.Name, Expected: tc.Expected, Status: "unsat"}
	last, err := run(out, ix, []resolve.Problem{p}, o.runs)
	if err != nil {
		return nil, err
	}
	if last != nil {
		out.Status, out.Solution = "sat", map[string]string{}
		for name, list := range u.Packages {
			if choice, ok := last.Find(c.id(name)); ok {
				out.Solution[name] = list[choice.Release.Version.Patch].V
			}
		}
	}
	return out, nil
}

// locked makes the lock entry of a version of a case.
func (c *converter) locked(ix resolvetest.Universe, name, v string) (resolve.Locked, bool) {
	k := slices.IndexFunc(c.u.Packages[name], func(r release) bool { return r.V == v })
	if k < 0 {
		return resolve.Locked{}, false
	}
	r := ix[c.id(name)].Releases[k]
	return resolve.Locked{ID: r.ID, Version: r.Version, Digest: r.Digest}, true
}

// run solves all problems several times, fills in l, and returns the last solution.
func run(l *line, ix resolvetest.Universe, problems []resolve.Problem, runs int) (last *resolve.Solution, err error) {
	ctx := context.Background()
	s := resolve.New(ix)
	if err := s.Load(ctx, slices.Collect(maps.Keys(map[manifest.ID]*index.Plugin(ix)))...); err != nil {
		return nil, err
	}
	l.Roots = len(problems)
	for n := range max(runs, 1) {
		total, worst := 0.0, 0.0
		for _, p := range problems {
			begin := time.Now()
			sol, err := s.Solve(ctx, p)
			ms := float64(time.Since(begin).Microseconds()) / 1000
			total, worst = total+ms, max(worst, ms)
			if n > 0 {
				continue
			}
			last = sol
			if err := l.judge(ctx, ix, p, sol, err); err != nil {
				return nil, err
			}
		}
		if n == 0 || total < l.TotalMS {
			l.TotalMS, l.WorstMS = total, worst
		}
	}
	return last, nil
}

// judge counts one answer.
func (l *line) judge(ctx context.Context, ix index.Index, p resolve.Problem, sol *resolve.Solution, err error) error {
	f, failed := errors.AsType[*resolve.Failure](err)
	switch {
	case failed:
		l.Unsat++
		err = resolvetest.CheckFailure(ctx, ix, p, f)
	case err != nil:
		return err
	default:
		l.Sat++
		err = resolvetest.CheckSolution(ctx, ix, p, sol)
	}
	if err != nil {
		l.Wrong++
	}
	return nil
}

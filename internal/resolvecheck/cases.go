package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// universe is the form runiverse/1: packages with versions in ascending order.
type universe struct {
	Format   string               `json:"format"`
	Packages map[string][]release `json:"packages"`
}

type release struct {
	V         string   `json:"v"`
	Deps      []dep    `json:"deps"`
	Conflicts []dep    `json:"conflicts"`
	Provides  []string `json:"provides"`
	Yanked    bool     `json:"yanked"`
	Pre       bool     `json:"pre"`
}

// dep asks for a package in half-open intervals of the places in its list.
type dep struct {
	P        string   `json:"p"`
	Raw      string   `json:"raw"`
	Iv       [][2]int `json:"iv"`
	Optional bool     `json:"optional"`
}

// testCase is the form rcase/1. Its universe stands in it or in a file.
type testCase struct {
	Format   string            `json:"format"`
	Name     string            `json:"name"`
	Universe json.RawMessage   `json:"universe"`
	Root     []dep             `json:"root"`
	Locked   map[string]string `json:"locked"`
	Options  struct {
		PreferStable bool `json:"prefer_stable"`
	} `json:"options"`
	Expected json.RawMessage `json:"expected"`
}

// read returns the universe in a file and, if it holds one, the case.
func read(file string) (*universe, *testCase, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	c := new(testCase)
	if err := json.Unmarshal(b, c); err != nil {
		return nil, nil, err
	}
	if c.Format == "runiverse/1" {
		u, err := readUniverse(b)
		return u, nil, err
	}
	if c.Format != "rcase/1" {
		return nil, nil, fmt.Errorf("format %q, want rcase/1 or runiverse/1", c.Format)
	}
	text := []byte(c.Universe)
	var name string
	if json.Unmarshal(text, &name) == nil {
		if text, err = os.ReadFile(filepath.Join(filepath.Dir(file), name)); err != nil {
			return nil, nil, err
		}
	}
	u, err := readUniverse(text)
	if err == nil {
		err = ascending(c.Root)
	}
	return u, c, err
}

func readUniverse(b []byte) (*universe, error) {
	u := new(universe)
	if err := json.Unmarshal(b, u); err != nil {
		return nil, err
	}
	if u.Format != "runiverse/1" {
		return nil, fmt.Errorf("universe of format %q, want runiverse/1", u.Format)
	}
	for p, list := range u.Packages {
		for _, r := range list {
			if err := errors.Join(ascending(r.Deps), ascending(r.Conflicts)); err != nil {
				return nil, fmt.Errorf("%s %s: %w", p, r.V, err)
			}
		}
	}
	return u, nil
}

// ascending refuses intervals that begin before the first place or end before they begin.
func ascending(deps []dep) error {
	for _, d := range deps {
		for _, i := range d.Iv {
			if i[0] < 0 || i[0] >= i[1] {
				return fmt.Errorf("%s: %v is no interval", d.P, i)
			}
		}
	}
	return nil
}

// exactly begins what asks for a version by its number.
const exactly = "=="

// root is one problem: what is asked for together.
type root []dep

// roots lists the problems that a mode of the command line means.
func (u *universe) roots(mode string) ([]root, error) {
	names := make([]string, 0, len(u.Packages))
	for p := range u.Packages {
		names = append(names, p)
	}
	slices.Sort(names)
	var out []root
	switch kind, n, _ := strings.Cut(mode, ":"); kind {
	case "all":
		for _, p := range names {
			for k := range u.Packages[p] {
				out = append(out, root{{P: p, Raw: exactly, Iv: [][2]int{{k, k + 1}}}})
			}
		}
	case "latest":
		for _, p := range names {
			if k := len(u.Packages[p]); k > 0 && !strings.Contains(p, ":") {
				out = append(out, root{{P: p, Raw: exactly, Iv: [][2]int{{k - 1, k}}}})
			}
		}
	case "top", "bundle":
		count, err := strconv.Atoi(n)
		if err != nil || count < 1 {
			return nil, errors.New("want top:N or bundle:N")
		}
		var all root
		for _, p := range u.mostRequired(names, count) {
			all = append(all, dep{P: p, Iv: [][2]int{{0, len(u.Packages[p])}}})
		}
		if kind == "bundle" {
			return []root{all}, nil
		}
		for _, d := range all {
			out = append(out, root{d})
		}
	default:
		return nil, fmt.Errorf("roots %q: want all, latest, top:N or bundle:N", mode)
	}
	return out, nil
}

// mostRequired returns the packages that the latest versions of others ask for most.
func (u *universe) mostRequired(names []string, n int) []string {
	count := map[string]int{}
	for _, p := range names {
		if l := u.Packages[p]; len(l) > 0 {
			for _, d := range l[len(l)-1].Deps {
				count[d.P]++
			}
		}
	}
	list := slices.DeleteFunc(slices.Clone(names), func(p string) bool {
		return len(u.Packages[p]) == 0 || strings.Contains(p, ":")
	})
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(a, b))
	})
	return list[:min(n, len(list))]
}

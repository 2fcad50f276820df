package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// intervals makes a random list of half-open intervals of n places, ascending.
func intervals(r *rand.Rand, n int) (out [][2]int) {
	for at := 0; at < n; {
		lo := at + r.IntN(n)
		hi := lo + 1 + r.IntN(4)
		if hi > n {
			break
		}
		out, at = append(out, [2]int{lo, hi}), hi+1
	}
	return out
}

func inside(iv [][2]int, k int) bool {
	return slices.ContainsFunc(iv, func(i [2]int) bool { return i[0] <= k && k < i[1] })
}

// TestRanges turns intervals into ranges and asks for every version whether it is inside.
func TestRanges(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(60)
		u := &universe{Packages: map[string][]release{"p": make([]release, n)}}
		for k := range n {
			u.Packages["p"][k].Pre = r.IntN(4) == 0
		}
		c, _ := convert(u, false)
		d := dep{P: "p", Iv: intervals(r, n)}
		if r.IntN(4) == 0 && len(d.Iv) > 0 {
			d.Raw, d.Iv = exactly, [][2]int{{d.Iv[0][0], d.Iv[0][0] + 1}}
		}
		for range 2 { // the second time it is known
			rng := c.rng(d)
			for k := range n {
				if v := c.version(k, u.Packages["p"][k].Pre); rng.HasPre(v) != inside(d.Iv, k) {
					t.Fatalf("seed %d: %s in %s is %v, the intervals are %v", seed, v, rng, !inside(d.Iv, k), d.Iv)
				}
			}
		}
		if d.Raw == exactly && !c.rng(d).Equal(version.Exact(c.version(d.Iv[0][0], u.Packages["p"][d.Iv[0][0]].Pre))) {
			t.Fatalf("seed %d: %s is not exact", seed, c.rng(d))
		}
	}
}

// TestMergeNeeds intersects needs of one package: a place is in the result if it is in
// all of them.
func TestMergeNeeds(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		var deps []dep
		for range r.IntN(7) {
			deps = append(deps, dep{P: []string{"p", "q"}[r.IntN(2)], Optional: r.IntN(3) == 0, Iv: intervals(r, 20)})
		}
		want := map[string][]dep{}
		for _, d := range deps {
			key := fmt.Sprint(d.P, d.Optional)
			want[key] = append(want[key], dep{Iv: slices.Clone(d.Iv)})
		}
		out := merge(deps)
		if len(out) != len(want) {
			t.Fatalf("seed %d: %v became %v", seed, deps, out)
		}
		for _, d := range out {
			for k := range 20 {
				all := !slices.ContainsFunc(want[fmt.Sprint(d.P, d.Optional)], func(x dep) bool { return !inside(x.Iv, k) })
				if inside(d.Iv, k) != all {
					t.Fatalf("seed %d: place %d of %s: %v, want %v", seed, k, d.P, !all, all)
				}
			}
		}
	}
}

// TestIDs makes ids of names of other worlds: they are ids, no two are one, and the same
// name has the same.
func TestIDs(t *testing.T) {
	c, _ := convert(&universe{}, false)
	seen := map[manifest.ID]string{}
	for _, name := range []string{"a", "A", "a-b", "a_b", "a b", "a--b", "@scope/name", "scope-name", "", "-", "ü", "日本", "a.b", "x", "u/a", "a.2", "a-2"} {
		id := c.id(name)
		if _, err := manifest.ParseID(string(id)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q are both %s", name, other, id)
		}
		seen[id] = name
		if again := c.id(name); again != id {
			t.Errorf("%q is %s and %s", name, id, again)
		}
	}
}

// TestRoots lists the problems of each mode.
func TestRoots(t *testing.T) {
	u := &universe{Packages: map[string][]release{
		"a": {{V: "1"}, {V: "2", Deps: []dep{{P: "c"}, {P: "b"}}}}, "b": {{V: "1", Deps: []dep{{P: "c"}}}}, "c": {{V: "1"}}, "none": {}, "x:y": {{V: "1"}},
	}}
	for mode, want := range map[string]string{
		"all":      "[a 0-1] [a 1-2] [b 0-1] [c 0-1] [x:y 0-1]",
		"latest":   "[a 1-2] [b 0-1] [c 0-1]",
		"top:1":    "[c 0-1]",
		"top:2":    "[c 0-1] [b 0-1]",
		"top:9":    "[c 0-1] [b 0-1] [a 0-2]",
		"bundle:2": "[c 0-1 b 0-1]",
	} {
		list, err := u.roots(mode)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range list {
			var parts []string
			for _, d := range r {
				parts = append(parts, fmt.Sprintf("%s %d-%d", d.P, d.Iv[0][0], d.Iv[0][1]))
			}
			got = append(got, "["+strings.Join(parts, " ")+"]")
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", mode, s, want)
		}
	}
	for _, mode := range []string{"", "some", "top", "top:", "top:0", "top:-1", "top:x", "bundle:1.5"} {
		if _, err := u.roots(mode); err == nil {
			t.Errorf("%q: no error", mode)
		}
	}
}

// TestEach goes through a file, a folder, and what is not there.
func TestEach(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.json", "a.json", "note.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	visit := func(file string) error { got = append(got, filepath.Base(file)); return nil }
	for _, path := range []string{dir, filepath.Join(dir, "note.txt"), filepath.Join(dir, "gone")} {
		if err := each(path, visit); err != nil {
			t.Fatal(err)
		}
	}
	if s := strings.Join(got, " "); s != "a.json b.json note.txt gone" {
		t.Error(s)
	}
	calls := 0
	if err := each(dir, func(string) error { calls++; return os.ErrInvalid }); err == nil || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// FuzzRead takes any bytes for a case: an error, or an answer that the checker accepts.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"format":"runiverse/1","packages":{"a":[{"v":"1","deps":[{"p":"b","iv":[[0,1]]}]}],"b":[{"v":"1"}]}}`,
		`{"format":"runiverse/1","packages":{"a":[{"v":"1","deps":[{"p":"a","raw":"==","iv":[[-1,0]]}]}]}}`,
		`{"format":"runiverse/1","packages":{"a":[{"v":"1","deps":[{"p":"a","raw":"==","iv":[[5,2]]}]}]}}`,
		`{"format":"runiverse/1","packages":{"a":[{"v":"1","conflicts":[{"p":"x","iv":[[0,9]]}],"provides":["a","x"]}]}}`,
		`{"format":"rcase/1","universe":{"format":"runiverse/1","packages":{"a":[{"v":"1"}]}},"root":[{"p":"a","iv":[[0,1]]}],"locked":{"a":"1","b":"2"}}`,
		`{"format":"rcase/1","universe":"../../../etc/hostname"}`, `{"format":"rcase/1"}`, `null`, `{`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file := filepath.Join(t.TempDir(), "x.json")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := check(file, options{roots: "latest", conflicts: true, runs: 1})
		if err == nil && l.Wrong > 0 {
			t.Fatalf("%s: %d of %d answers are wrong", b, l.Wrong, l.Roots)
		}
	})
}

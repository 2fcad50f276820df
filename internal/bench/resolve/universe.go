package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// universe is the part of the form runiverse/1 that is measured.
type universe struct {
	Format   string               `json:"format"`
	Packages map[string][]release `json:"packages"`
}

type release struct {
	V    string `json:"v"`
	Deps []dep  `json:"deps"`
}

type dep struct {
	P  string   `json:"p"`
	Iv [][2]int `json:"iv"`
}

// synthetic makes n packages of v versions each. A version needs up to three of the 50
// packages behind it, most from a version upwards, some in a narrow range.
func synthetic(n, v int) *universe {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	u := &universe{Format: "runiverse/1", Packages: map[string][]release{}}
	for p := range n {
		name := packageName(p)
		for k := range v {
			out := release{V: fmt.Sprint(k)}
			for range r.IntN(4) {
				q := p + 1 + r.IntN(50)
				if q >= n || slices.ContainsFunc(out.Deps, func(d dep) bool { return d.P == packageName(q) }) {
					continue
				}
				iv := [2]int{r.IntN(v), v}
				if r.IntN(10) >= 7 {
					iv = [2]int{max(0, k-3), min(v, k+3)}
				}
				out.Deps = append(out.Deps, dep{packageName(q), [][2]int{iv}})
			}
			u.Packages[name] = append(u.Packages[name], out)
		}
	}
	return u
}

func packageName(p int) string { return fmt.Sprintf("p%05d", p) }

// chain makes packages of v versions in a row, each of which needs the same version of
// the next; the last one is published in no version.
func chain(packages, v int) *universe {
	u := &universe{Format: "runiverse/1", Packages: map[string][]release{packageName(packages): {}}}
	for p := range packages {
		for k := range v {
			u.Packages[packageName(p)] = append(u.Packages[packageName(p)], release{
				V: fmt.Sprint(k), Deps: []dep{{packageName(p + 1), [][2]int{{k, k + 1}}}},
			})
		}
	}
	return u
}

func readUniverse(file string) (*universe, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	u := new(universe)
	return u, json.Unmarshal(b, u)
}

func (u *universe) write(file string) error {
	b, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o644)
}

// names are the packages, sorted; missing ones that others need stand at the end.
func (u *universe) names() []string {
	var out []string
	for p := range u.Packages {
		out = append(out, p)
	}
	slices.Sort(out)
	seen := map[string]bool{}
	var missing []string
	for _, p := range out {
		for _, r := range u.Packages[p] {
			for _, d := range r.Deps {
				if u.Packages[d.P] == nil && !seen[d.P] {
					seen[d.P] = true
					missing = append(missing, d.P)
				}
			}
		}
	}
	slices.Sort(missing)
	return append(out, missing...)
}

// top returns the n packages that the latest versions of others need most.
func (u *universe) top(n int) []string {
	count := map[string]int{}
	var list []string
	for p, l := range u.Packages {
		if len(l) == 0 {
			continue
		}
		list = append(list, p)
		for _, d := range l[len(l)-1].Deps {
			count[d.P]++
		}
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(a, b)) })
	return list[:min(n, len(list))]
}

// flatten writes the input of the yardstick: numbers only. bundle 0 makes every version
// of every package a problem of its own, another number one problem of that many.
func (u *universe) flatten(file string, bundle int) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	names := u.names()
	number := map[string]int{}
	for i, p := range names {
		number[p] = i
	}
	fmt.Fprintln(w, len(names))
	roots := 0
	for _, p := range names {
		fmt.Fprintln(w, p, len(u.Packages[p]))
		for _, r := range u.Packages[p] {
			roots++
			fmt.Fprint(w, len(r.Deps))
			for _, d := range r.Deps {
				fmt.Fprint(w, " ", number[d.P], " ", len(d.Iv))
				for _, i := range d.Iv {
					fmt.Fprint(w, " ", i[0], " ", i[1])
				}
			}
			fmt.Fprintln(w)
		}
	}
	if bundle == 0 {
		fmt.Fprintln(w, roots)
		for i, p := range names {
			for k := range u.Packages[p] {
				fmt.Fprintln(w, 1, i, 1, k, k+1)
			}
		}
		return w.Flush()
	}
	top := u.top(bundle)
	fmt.Fprintln(w, 1)
	fmt.Fprint(w, len(top))
	for _, p := range top {
		fmt.Fprint(w, " ", number[p], " 1 0 ", len(u.Packages[p]))
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// documents writes one index document for each package, as a registry would serve it.
func (u *universe) documents(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "u"), 0o755); err != nil {
		return err
	}
	digest := "sha256:" + strings.Repeat("0", 64)
	for p, list := range u.Packages {
		var b strings.Builder
		fmt.Fprintf(&b, `{"v":1,"id":"u/%s"}`+"\n", p)
		for k, r := range list {
			fmt.Fprintf(&b, `{"r":{"id":"u/%s","version":"1.0.%d"`, p, k)
			deps := slices.Clone(r.Deps)
			slices.SortFunc(deps, func(a, b dep) int { return strings.Compare(a.P, b.P) })
			for i, d := range deps {
				start := `,"requires":[`
				if i > 0 {
					start = ","
				}
				fmt.Fprintf(&b, `%s{"id":"u/%s","range":">=1.0.%d <1.0.%d"}`, start, d.P, d.Iv[0][0], d.Iv[0][1])
			}
			if len(deps) > 0 {
				b.WriteByte(']')
			}
			fmt.Fprintf(&b, `,"digest":"%s","size":1000,"packages":[{"runtime":"wasm","platform":{"os":"wasip1","architecture":"wasm"},"manifest":{"digest":"%s","size":500},"payload":{"digest":"%s","size":9000}}]},"s":{}}`+"\n", digest, digest, digest)
		}
		if err := os.WriteFile(filepath.Join(dir, "u", p), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

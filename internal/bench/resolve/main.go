// Command resolve measures the resolver beside a reference solver and beside cargo, on
// the same input in one interleaved run, and ends with one line for each target. A peer
// that is absent is a missed target.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// tools are the programs that are compared.
type tools struct {
	check, locker, yardstick, cargo string
	rounds                          int
	work                            string
}

func main() {
	var t tools
	data := flag.String("data", "", "folder with large/universe-large_case.json; optional")
	flag.StringVar(&t.check, "resolvecheck", "", "our resolvecheck")
	flag.StringVar(&t.locker, "locker", "", "our locker")
	flag.StringVar(&t.yardstick, "yardstick", "", "the reference solver; optional")
	flag.IntVar(&t.rounds, "rounds", 9, "interleaved repetitions; at least 9")
	flag.Parse()
	t.rounds = max(t.rounds, 9)
	t.cargo, _ = exec.LookPath("cargo")
	if err := t.run(*data); err != nil {
		fmt.Fprintln(os.Stderr, "bench-resolve:", err)
		os.Exit(1)
	}
}

// target is one line of the result.
type target struct {
	name         string
	value, bound float64
}

func (t target) String() string {
	word := "ok"
	if !(t.value <= t.bound) { // also for a value that is not a number: the peer is absent
		word = "MISSED"
	}
	return fmt.Sprintf("target %s %.3f <= %g %s", t.name, t.value, t.bound, word)
}

func (t tools) run(data string) (err error) {
	if t.work, err = os.MkdirTemp("", "plugstead-bench-resolve-"); err != nil {
		return err
	}
	defer os.RemoveAll(t.work)
	var out []target
	large := filepath.Join(data, "large", "universe-large_case.json")
	if _, err := os.Stat(large); data == "" || err != nil {
		out = append(out, target{"large_batch/yardstick", math.NaN(), 1.3})
	} else {
		u, err := readUniverse(large)
		if err != nil {
			return err
		}
		r, err := t.compare("large_batch", u, 0, 1.3)
		if err != nil {
			return err
		}
		ms, err := t.worstWithSuggestions(large)
		if err != nil {
			return err
		}
		out = append(out, r, target{"unsat_with_suggestions_ms", ms, 250})
	}
	for _, c := range []struct {
		name   string
		u      *universe
		bundle int
	}{
		{"single_wish_10000x10", synthetic(10_000, 10), 1},
		{"synthetic_1000x10", synthetic(1000, 10), 50},
		{"synthetic_10000x10", synthetic(10_000, 10), 500},
		{"unsat_chain_60000", chain(300, 200), 1},
	} {
		r, err := t.compare(c.name, c.u, c.bundle, 1.0)
		if err != nil {
			return err
		}
		out = append(out, r)
	}
	r, err := t.lock(synthetic(10_000, 10), 500)
	if err != nil {
		return err
	}
	for _, x := range append(out, r, lockCheck()) {
		fmt.Println(x)
	}
	return nil
}

// compare solves one universe with both solvers, turn by turn.
func (t tools) compare(name string, u *universe, bundle int, bound float64) (target, error) {
	input, flat, roots := filepath.Join(t.work, name+".json"), filepath.Join(t.work, name+".txt"), "all"
	if bundle > 0 {
		roots = fmt.Sprintf("bundle:%d", bundle)
	}
	if err := errors.Join(u.write(input), u.flatten(flat, bundle)); err != nil {
		return target{}, err
	}
	ours, theirs := math.Inf(1), math.NaN()
	var last line
	for range t.rounds {
		l, err := t.ours(input, "--runs="+runs, "--roots="+roots)
		if err != nil {
			return target{}, err
		}
		ours, last = min(ours, l.TotalMS), l
		if t.yardstick == "" {
			continue
		}
		ms, err := t.theirs(flat)
		if err != nil {
			return target{}, err
		}
		if !(theirs <= ms) {
			theirs = ms
		}
	}
	fmt.Printf("%-20s ours %8.3f ms, yardstick %8.3f ms (%d problems, %d solved, %d not, %d wrong)\n", name, ours, theirs, last.Roots, last.Sat, last.Unsat, last.Wrong)
	if last.Wrong > 0 {
		return target{}, fmt.Errorf("%s: %d answers are wrong", name, last.Wrong)
	}
	return target{name + "/yardstick", ours / theirs, bound}, nil
}

// runs is how often both solve everything in a round; the best of them counts. The first
// one of ours also turns ranges into sets, which the yardstick has done before it starts.
const runs = "5"

// line is what resolvecheck prints.
type line struct {
	Roots, Sat, Unsat, Wrong int
	TotalMS                  float64 `json:"total_ms"`
	WorstMS                  float64 `json:"worst_ms"`
}

func (t tools) ours(input string, flags ...string) (l line, err error) {
	b, err := exec.Command(t.check, append(flags, input)...).Output()
	if err != nil {
		return l, err
	}
	return l, json.Unmarshal(b, &l)
}

var total = regexp.MustCompile(`total_ms=([0-9.]+)`)

func (t tools) theirs(flat string) (float64, error) {
	cmd := exec.Command(t.yardstick, flat, runs)
	cmd.Env = append(os.Environ(), "ORDER=mix")
	b, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	best := math.NaN()
	for _, m := range total.FindAllSubmatch(b, -1) {
		ms, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return 0, err
		}
		if !(best <= ms) {
			best = ms
		}
	}
	if math.IsNaN(best) {
		return 0, fmt.Errorf("yardstick said %q", b)
	}
	return best, nil
}

// worstWithSuggestions is the slowest answer over all problems of a universe with the
// search for suggestions, best of the rounds.
func (t tools) worstWithSuggestions(input string) (float64, error) {
	worst := math.Inf(1)
	for range t.rounds {
		l, err := t.ours(input, "--runs=1", "--roots=all", "--suggest")
		if err != nil {
			return 0, err
		}
		worst = min(worst, l.WorstMS)
	}
	return worst, nil
}

// lock times whole processes that write a lock file. Ours reads documents that nobody has
// read before (cold), then the cache that it has made of them (warm); cargo reads an index
// on disk. The warm one is compared: for both, everything is here already.
func (t tools) lock(u *universe, bundle int) (target, error) {
	out := target{"lock_10000x10/cargo", math.NaN(), 0.1}
	wishes := u.top(bundle)
	docs, cache := filepath.Join(t.work, "docs"), filepath.Join(t.work, "cache")
	if err := errors.Join(u.documents(docs), cargoProject(u, filepath.Join(t.work, "cargo"), wishes)); err != nil {
		return out, err
	}
	args := []string{"-cache", cache, docs, filepath.Join(t.work, "plugins.lock")}
	for _, p := range wishes {
		args = append(args, "u/"+p)
	}
	cold, warm, theirs := math.Inf(1), math.Inf(1), math.NaN()
	for range t.rounds {
		if err := os.RemoveAll(cache); err != nil {
			return out, err
		}
		ms, err := timed(exec.Command(t.locker, args...))
		if err != nil {
			return out, err
		}
		cold = min(cold, ms)
		if ms, err = timed(exec.Command(t.locker, append([]string{"-offline"}, args...)...)); err != nil {
			return out, err
		}
		warm = min(warm, ms)
		if ms, err = t.cargoLock(); err != nil {
			return out, err
		}
		if !(theirs <= ms) {
			theirs = ms
		}
	}
	fmt.Printf("%-20s ours %8.1f ms warm, %8.1f ms cold, cargo %8.1f ms (whole processes, %d wishes)\n", "lock_10000x10", warm, cold, theirs, len(wishes))
	out.value = warm / theirs
	return out, nil
}

// cargoLock times cargo; not a number without one.
func (t tools) cargoLock() (float64, error) {
	if t.cargo == "" {
		return math.NaN(), nil
	}
	project := filepath.Join(t.work, "cargo", "project")
	if err := os.RemoveAll(filepath.Join(project, "Cargo.lock")); err != nil {
		return 0, err
	}
	cmd := exec.Command(t.cargo, "generate-lockfile", "--offline")
	cmd.Dir = project
	cmd.Env = append(os.Environ(), "CARGO_HOME="+filepath.Join(t.work, "cargo", "home"))
	return timed(cmd)
}

func timed(cmd *exec.Cmd) (ms float64, err error) {
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%.2000s", cmd.Path, err, out)
	}
	return float64(time.Since(begin).Microseconds()) / 1000, nil
}

// Package crashtest ends processes with SIGKILL between two steps on disk.
package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/plugstead/plugstead/internal/durable"
)

// env names the variable with what a process that is to be killed does.
const env = "PLUGSTEAD_TEST_KILL"

// Main runs victim in the process that [Trials] starts, which is this program again, and
// does nothing in any other. A TestMain calls it first. what is what was given to Trials.
func Main(victim func(what string) error) {
	text, ok := os.LookupEnv(env)
	if !ok {
		return
	}
	var n int64
	var what string
	_, err := fmt.Sscanf(text, "%d %q", &n, &what)
	if err == nil {
		count := killBefore(n)
		err = victim(what)
		fmt.Println("steps", count.Load())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// killBefore kills this process before its n-th step, and counts steps.
func killBefore(n int64) *atomic.Int64 {
	step := new(atomic.Int64)
	durable.Hook(func(durable.Step) error {
		if step.Add(1) == n {
			p, _ := os.FindProcess(os.Getpid())
			_ = p.Kill()
			select {}
		}
		return nil
	})
	return step
}

// Trials kills a verb count times, each time before another step if there are so many.
// prepare makes what the verb works on and says what that is; judge says what is wrong
// behind it. Both run in this process. It logs one line "target crash_VERB_failures …".
func Trials(t *testing.T, verb string, count int, prepare func() (what string), judge func(what string) error) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no SIGKILL")
	}
	out, killed := run(t, 0, prepare())
	var steps int
	if _, err := fmt.Sscanf(out, "steps %d", &steps); err != nil || killed {
		t.Fatalf("%s: %q, %v", verb, out, err)
	}
	rnd := rand.New(rand.NewPCG(uint64(count), 1))
	kills, failed := 0, 0
	for i := range count {
		n := 1 + i*steps/count // evenly, and anywhere once there are more trials than steps
		if i >= steps {
			n = 1 + rnd.IntN(steps)
		}
		what := prepare()
		if _, killed := run(t, n, what); killed {
			kills++
		}
		if err := judge(what); err != nil {
			failed++
			t.Errorf("%s, killed before step %d of %d: %v", verb, n, steps, err)
		}
	}
	if kills < count/2 { // the number of steps differs by one or two from run to run
		t.Errorf("%s: only %d of %d runs were killed", verb, kills, count)
	}
	t.Logf("target crash_%s_failures %d <= 0 %s (%d kills at %d steps)", verb, failed, map[bool]string{true: "ok", false: "MISSED"}[failed == 0], kills, steps)
}

// run starts this program again. n 0 kills nobody.
func run(t *testing.T, n int, what string) (out string, killed bool) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%d %q", env, n, what), "GORACE=atexit_sleep_ms=0")
	b, err := c.CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() >= 0 {
		t.Fatalf("%s: %v\n%s", what, err, b)
	}
	return string(b), err != nil
}

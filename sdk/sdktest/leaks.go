package sdktest

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// mark is a label that goroutines of one plugin have: those in which the test calls it, for
// as long as the call lasts, and all that these start. So the plugins of one test, and
// tests that run beside it, are told apart.
type mark struct{ value string }

const markKey = "plugstead.sdktest"

var marks atomic.Int64

func newMark() mark { return mark{strconv.FormatInt(marks.Add(1), 10)} }

// do runs f with the mark.
func (m mark) do(ctx context.Context, f func(context.Context)) {
	pprof.Do(ctx, pprof.Labels(markKey, m.value), f)
}

// ending is how long goroutines may take to end after a stop: they may have been told to
// and not have run since.
const ending = 2 * time.Second

// check reports the goroutines with the mark that do not end.
func (m mark) check(t testing.TB, who string) {
	t.Helper()
	var left []string
	for wait, total := time.Millisecond, time.Duration(0); ; wait *= 2 {
		if left = m.goroutines(); len(left) == 0 {
			return
		}
		if total >= ending {
			break
		}
		time.Sleep(wait)
		total += wait
	}
	t.Errorf("%s left goroutines behind; its Stop has to end them and wait:\n\n%s", who, strings.Join(left, "\n\n"))
}

// idle names the functions of the standard library whose goroutines belong to the program
// and not to the plugin: connections that http.DefaultTransport keeps.
var idle = []string{"net/http.(*persistConn)."}

// goroutines returns the stacks of the goroutines with the mark.
func (m mark) goroutines() []string {
	var b bytes.Buffer
	if pprof.Lookup("goroutine").WriteTo(&b, 1) != nil {
		return nil // a buffer takes everything
	}
	label := strconv.Quote(markKey) + ":" + strconv.Quote(m.value)
	var out []string
	for group := range strings.SplitSeq(b.String(), "\n\n") {
		_, stack, ok := strings.Cut(group, "# labels: ")
		labels, stack, _ := strings.Cut(stack, "\n")
		if ok && strings.Contains(labels, label) && !isIdle(stack) {
			out = append(out, strings.TrimSpace(stack))
		}
	}
	return out
}

func isIdle(stack string) bool {
	for _, f := range idle {
		if strings.Contains(stack, f) {
			return true
		}
	}
	return false
}

package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

const vectorFile = "../../docs/spec/testdata/command-runs.json"

// runVectors is docs/spec/testdata/command-runs.json.
type runVectors struct {
	Calls []struct {
		Name     string   `json:"name"`
		Method   string   `json:"method"` // /POINT.vMAJOR/NAME
		Config   string   `json:"config"`
		Data     string   `json:"data"`
		Deadline int64    `json:"deadline"` // milliseconds since 1970
		Trace    []string `json:"trace"`    // traceparent, tracestate
		Args     []string `json:"args"`
		Env      []string `json:"env"` // sorted
	} `json:"calls"`
	Runs []struct {
		Name   string          `json:"name"`
		Exit   int             `json:"exit"` // -1: ended by a signal
		Stdout string          `json:"stdout"`
		Stderr string          `json:"stderr"` // its last line
		Answer json.RawMessage `json:"answer"`
		Error  *contract.Error `json:"error"`
	} `json:"runs"`
}

func vectors(t testing.TB) (v runVectors) {
	t.Helper()
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	if len(v.Calls) < 3 || len(v.Runs) < 20 {
		t.Fatalf("%d calls, %d runs", len(v.Calls), len(v.Runs))
	}
	return v
}

func outcomeOf(exit int, stdout, last string) outcome {
	o := outcome{out: []byte(stdout), exit: exit, ending: fmt.Sprintf("exit status %d", exit)}
	if exit < 0 {
		o.ending = "signal: killed"
	}
	if last != "" {
		o.hint = ": " + last
	}
	return o
}

// TestVectorCalls: what a program is given.
func TestVectorCalls(t *testing.T) {
	for _, c := range vectors(t).Calls {
		ctx := t.Context()
		if c.Deadline != 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, time.UnixMilli(c.Deadline))
			defer cancel()
		}
		if len(c.Trace) == 2 {
			ctx = contract.WithTrace(ctx, contract.Trace{Parent: c.Trace[0], State: c.Trace[1]})
		}
		config, err := configOf([]byte(c.Config))
		if err != nil {
			t.Fatal(err)
		}
		m := &manifest.Manifest{ID: "acme/wc", Version: version.MustParse("1.2.3")}
		env := slices.Concat(environ(m, load.Spec{DataDir: c.Data}), ofCall(ctx, config))
		env = slices.DeleteFunc(env, func(s string) bool { return s == defaultPath })
		slices.Sort(env)
		if !slices.Equal(env, c.Env) || !slices.Equal(arguments(c.Method), c.Args) {
			t.Errorf("%s:\n%q\n%q", c.Name, env, arguments(c.Method))
		}
	}
}

// TestVectorRuns: what an exit code and an output mean.
func TestVectorRuns(t *testing.T) {
	for _, c := range vectors(t).Runs {
		got, err := outcomeOf(c.Exit, c.Stdout, c.Stderr).answer("acme/wc")
		if c.Error == nil {
			if err != nil || string(got) != string(c.Answer) {
				t.Errorf("%s: %s, %v; want %s", c.Name, got, err, c.Answer)
			}
			continue
		}
		e := contract.AsError(err)
		if e == nil || e.Code != c.Error.Code || e.Reason != c.Error.Reason || e.Message != c.Error.Message ||
			!maps.Equal(e.Details, c.Error.Details) || e.Retryable != c.Error.Retryable || e.RetryAfter != c.Error.RetryAfter {
			t.Errorf("%s:\n got %#v\nwant %#v", c.Name, e, c.Error)
		}
	}
}

// FuzzAnswer reads whatever a program may write.
func FuzzAnswer(f *testing.F) {
	for _, c := range vectors(f).Runs {
		f.Add(c.Exit, c.Stdout, c.Stderr)
	}
	f.Fuzz(func(t *testing.T, exit int, stdout, last string) {
		got, err := outcomeOf(exit, stdout, last).answer("acme/wc")
		if (err == nil) != (exit == 0 && len(bytes.TrimSpace([]byte(stdout))) > 0) {
			t.Fatalf("%q, %v", got, err)
		}
		if err == nil {
			if !bytes.Equal(got, bytes.TrimSpace([]byte(stdout))) {
				t.Fatalf("%q", got)
			}
			return
		}
		e, ok := errors.AsType[*contract.Error](err)
		if !ok || e.Code == contract.OK || e.Code > contract.Unauthenticated || e.Message == "" || e.RetryAfter < 0 || !e.Delivered() {
			t.Fatalf("%#v", err)
		}
		if exit > 0 && (e.Reason == contract.ReasonCrashed || e.Reason == contract.ReasonStopped) {
			t.Fatalf("the plugin says what only its host knows: %#v", e)
		}
	})
}

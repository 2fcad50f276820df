//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load/loadtest/probe"
)

// TestRefusedStarts are plugins that say no, or say hello in a way nobody understands.
func TestRefusedStarts(t *testing.T) {
	for program, c := range map[string]struct {
		code   contract.Code
		reason string
		want   string
	}{
		"refuses":   {contract.FailedPrecondition, "LICENCE", "no licence key"},
		"nohello":   {contract.FailedPrecondition, "", "hello"},
		"nomethods": {contract.FailedPrecondition, "", "hello"},
		"chatters":  {contract.FailedPrecondition, "", "last words"},
	} {
		in, err := quick.Start(t.Context(), image(folder(t, program), program), specOf(nil))
		if err == nil {
			in.Close()
		}
		e := contract.AsError(err)
		if e == nil || e.Code != c.code || e.Reason != c.reason || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "start "+id) {
			t.Errorf("%s: %v, want %v %q with %q", program, err, c.code, c.reason, c.want)
		}
		if len(fmt.Sprint(err)) > 4096 || strings.ContainsRune(fmt.Sprint(err), '\x1b') {
			t.Errorf("%s: an error of %d bytes: %.200q", program, len(err.Error()), err)
		}
	}
}

// TestBadAnswers: what cannot be read is an error of one call, and the next call is
// served by the same program.
func TestBadAnswers(t *testing.T) {
	for program, c := range map[string]struct {
		code contract.Code
		want string
	}{
		"nojson":    {contract.Internal, "answer"},
		"otherjson": {contract.Internal, "answer"},
		"strange":   {contract.Unknown, "strange"},
	} {
		in := start(t, program, specOf(nil))
		for range 2 {
			if _, err := probe.Tick.Call(t.Context(), in, probe.Tock{}); !errors.Is(err, c.code) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %v with %q", program, err, c.code, c.want)
			}
		}
		if err := in.Err(); err != nil {
			t.Errorf("%s: %v", program, err)
		}
		select {
		case <-in.Done():
			t.Errorf("%s: one bad answer ended the plugin", program)
		default:
		}
	}
}

// TestSecondAnswer comes for a request that is over, as after a cancellation: it is
// dropped and reaches no other call.
func TestSecondAnswer(t *testing.T) {
	in := start(t, "twice", specOf(nil))
	for i := range 20 {
		if out, err := probe.Tick.Call(t.Context(), in, probe.Tock{Text: "x"}); err != nil || out.Text != "" {
			t.Fatalf("call %d: %+v, %v", i, out, err)
		}
	}
	if err := errors.Join(in.Health(t.Context()), in.Err()); err != nil {
		t.Error(err)
	}
}

// TestBrokenFrames end the plugin during the call that met them: the caller gets one
// error at once, and the host says what happened.
func TestBrokenFrames(t *testing.T) {
	for program, protocol := range map[string]bool{"giant": true, "tiny": true, "overcalls": true, "elsewhere": true, "cutsoff": false} {
		in := start(t, program, specOf(nil))
		_, err := probe.Tick.Call(t.Context(), in, probe.Tock{})
		if !errors.Is(err, contract.Unavailable) {
			t.Errorf("%s: call: %v", program, err)
		}
		<-in.Done()
		err = in.Err()
		if want := contract.Unavailable; !protocol && !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", program, err, want)
		}
		if protocol && (!errors.Is(err, contract.Internal) || contract.AsError(err).Reason != contract.ReasonProtocol) {
			t.Errorf("%s: %v, want a protocol error", program, err)
		}
		if _, err := probe.Tick.Call(t.Context(), in, probe.Tock{}); !errors.Is(err, contract.Unavailable) {
			t.Errorf("%s: a call after the end: %v", program, err)
		}
		if err := errors.Join(in.Close(), in.Close()); err != nil {
			t.Errorf("%s: close: %v", program, err)
		}
	}
}

// TestLeavesInPeace: to end with status 0 without being asked is still an end.
func TestLeavesInPeace(t *testing.T) {
	in := start(t, "leaves", specOf(nil))
	<-in.Done()
	if err := in.Err(); !errors.Is(err, contract.Unavailable) || !strings.Contains(err.Error(), "ended without being asked to") {
		t.Errorf("got %v", err)
	}
	for name, f := range map[string]func(context.Context) error{"health": in.Health, "quiesce": in.Quiesce} {
		if err := f(t.Context()); !errors.Is(err, contract.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := in.Reconfigure(t.Context(), []byte(`{}`)); !errors.Is(err, contract.Unavailable) {
		t.Errorf("reconfigure: %v", err)
	}
	if in.Offers(probe.Echo.Method) {
		t.Error("it offers a method that it never named")
	}
}

// TestLingers answers the stop and stays: Stop must not hang, and Close ends it.
func TestLingers(t *testing.T) {
	in := start(t, "lingers", specOf(nil))
	if err := in.Reconfigure(t.Context(), []byte(`{"a":1}`)); err != nil {
		t.Errorf("reconfigure: %v", err)
	}
	if err := in.Reconfigure(t.Context(), []byte(`{`)); err == nil {
		t.Error("a configuration that is no JSON was sent")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := in.Stop(ctx); !errors.Is(err, contract.DeadlineExceeded) {
		t.Errorf("stop: %v", err)
	}
	if _, err := probe.Tick.Call(t.Context(), in, probe.Tock{}); contract.AsError(err).Reason != contract.ReasonStopped {
		t.Errorf("a call after the stop: %v", err)
	}
	fd := watchPid(t, in.child.cmd.Process.Pid)
	if err := in.Close(); err != nil || in.Err() != nil {
		t.Errorf("close: %v, %v", err, in.Err())
	}
	gone(t, fd)
}

// TestDefaults of a driver: a zero value must not mean no time at all.
func TestDefaults(t *testing.T) {
	d := Driver{}.withDefaults()
	if d.StartTimeout != 30*time.Second || d.StopTimeout != 10*time.Second || d.KillAfter != 2*time.Second {
		t.Errorf("%+v", d)
	}
	own := Driver{StartTimeout: 1, StopTimeout: 2, KillAfter: 3}
	if got := own.withDefaults(); got != own {
		t.Errorf("%+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := own.Start(ctx, image(folder(t, "good"), "good"), specOf(nil)); !errors.Is(err, contract.Canceled) {
		t.Errorf("a start that was cancelled before: %v", err)
	}
}

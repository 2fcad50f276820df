package contract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestCode(t *testing.T) {
	if NotFound.String() != "not found" || Code(99).Error() != "code 99" || int(Unauthenticated) != len(codeNames)-1 {
		t.Error(NotFound, Code(99))
	}
	if e := (&Error{Code: Aborted}); e.Error() != "aborted" {
		t.Error(e)
	}
}

func TestAsError(t *testing.T) {
	inner := Errorf(NotFound, "gone").Because("R").With("k", "v")
	for _, c := range []struct {
		err    error
		code   Code
		reason string
		text   string
	}{
		{inner, NotFound, "R", "gone"},
		{fmt.Errorf("look: %w", inner), NotFound, "R", "look: gone"},
		{errors.Join(io.EOF, inner), NotFound, "R", "EOF\ngone"},
		{PermissionDenied, PermissionDenied, "", "permission denied"},
		{fmt.Errorf("w: %w", Aborted), Aborted, "", "w: aborted"},
		{context.DeadlineExceeded, DeadlineExceeded, "", "context deadline exceeded"},
		{fmt.Errorf("w: %w", context.Canceled), Canceled, "", "w: context canceled"},
		{io.EOF, Unknown, "", "EOF"},
	} {
		e := AsError(c.err)
		if e.Code != c.code || e.Reason != c.reason || e.Error() != c.text || !errors.Is(e, c.code) || !errors.Is(e, c.err) {
			t.Errorf("%v: %#v", c.err, e)
		}
		if c.reason != "" && e.Details["k"] != "v" {
			t.Errorf("%v: details are lost", c.err)
		}
	}
	if AsError(nil) != nil {
		t.Error("an error of nil")
	}
}

func TestErrorIs(t *testing.T) {
	e := Errorf(DeadlineExceeded, "late")
	if !errors.Is(e, context.DeadlineExceeded) || errors.Is(e, context.Canceled) || !errors.Is(Errorf(Canceled, "c"), context.Canceled) {
		t.Error("context errors are not found by their codes")
	}
	if errors.Is(e, NotFound) || errors.Is(e, io.EOF) {
		t.Error("another code is found")
	}
	if err := Errorf(Internal, "read: %w", io.EOF); !errors.Is(err, io.EOF) || err.Error() != "read: EOF" {
		t.Error(err)
	}
	if err := Errorf(Internal, "%w and %w", io.EOF, NotFound); !errors.Is(err, io.EOF) || !errors.Is(err, NotFound) {
		t.Error(err)
	}
	if Errorf(Internal, "plain").Unwrap() != nil {
		t.Error("a cause out of nothing")
	}
}

func TestErrorCopies(t *testing.T) {
	a := Errorf(Internal, "x")
	b := a.With("k", "1").Because("R")
	c := b.With("k", "2")
	if a.Details != nil || a.Reason != "" || b.Details["k"] != "1" || c.Details["k"] != "2" || c.Reason != "R" {
		t.Error(a, b, c)
	}
}

func TestRecover(t *testing.T) {
	run := func(v any) (err error) {
		defer Recover(&err)
		if v != nil {
			panic(v)
		}
		return nil
	}
	if err := run(nil); err != nil {
		t.Error(err)
	}
	e := AsError(run("boom"))
	if e.Code != Internal || e.Reason != ReasonPanic || e.Message != "panic: boom" || !strings.Contains(string(e.Stack()), "TestRecover") {
		t.Errorf("%#v", e)
	}
	if err := run(io.EOF); !errors.Is(err, io.EOF) {
		t.Error("the error of a panic is lost")
	}
	if wrapped := AsError(fmt.Errorf("w: %w", e)); wrapped.Stack() == nil {
		t.Error("the stack is lost by wrapping")
	}
}

// TestDelivered: only who made the call can say that it did not arrive; a handler that
// hands such an error on has run.
func TestDelivered(t *testing.T) {
	gone := Errorf(Unavailable, "not running").Because(ReasonStopped).NotDelivered()
	if gone.Delivered() || AsError(fmt.Errorf("call: %w", gone)).Delivered() || !Errorf(Unavailable, "x").Delivered() {
		t.Error("Delivered is wrong")
	}
	h := echoMethod.Handle(func(context.Context, ping) (pong, error) { return pong{}, gone })
	for name, c := range callers(h) {
		_, err := echoMethod.Call(t.Context(), c, ping{})
		if e := AsError(err); e.Reason != ReasonStopped || !e.Delivered() {
			t.Errorf("%s: %v, delivered %v", name, err, e.Delivered())
		}
	}
	if gone.With("a", "b").Because("C").Retry(0).Delivered() {
		t.Error("a copy forgets")
	}
}

func TestRetry(t *testing.T) {
	e := Errorf(Unavailable, "busy").Retry(2 * time.Second)
	if !e.Retryable || e.RetryAfter != 2*time.Second || Errorf(Unavailable, "x").Retry(-1).RetryAfter != 0 {
		t.Error(e.Retryable, e.RetryAfter)
	}
	if w := AsError(fmt.Errorf("wrapped: %w", e)); !w.Retryable || w.RetryAfter != e.RetryAfter {
		t.Errorf("%+v", w)
	}
}

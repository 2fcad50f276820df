package contract

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"
)

// Code is the class of an error. The numbers are those of gRPC. A Code is itself an
// error, so that errors.Is(err, contract.NotFound) answers wherever err was made.
type Code uint32

// The codes, with gRPC's meanings.
const (
	OK                 Code = 0
	Canceled           Code = 1
	Unknown            Code = 2
	InvalidArgument    Code = 3
	DeadlineExceeded   Code = 4
	NotFound           Code = 5
	AlreadyExists      Code = 6
	PermissionDenied   Code = 7
	ResourceExhausted  Code = 8
	FailedPrecondition Code = 9
	Aborted            Code = 10
	OutOfRange         Code = 11
	Unimplemented      Code = 12
	Internal           Code = 13
	Unavailable        Code = 14
	DataLoss           Code = 15
	Unauthenticated    Code = 16
)

var codeNames = [...]string{
	"ok", "canceled", "unknown", "invalid argument", "deadline exceeded", "not found", "already exists",
	"permission denied", "resource exhausted", "failed precondition", "aborted", "out of range",
	"unimplemented", "internal", "unavailable", "data loss", "unauthenticated",
}

// String returns the code in words.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "code " + strconv.FormatUint(uint64(c), 10)
}

// Error returns the code in words.
func (c Code) Error() string { return c.String() }

// Reasons that this project gives. Plugins are free to use others.
const (
	ReasonPanic    = "PLUGIN_PANIC"      // Internal: a handler panicked
	ReasonCrashed  = "PLUGIN_CRASHED"    // Unavailable: the plugin went away; the call may have run
	ReasonStopped  = "PLUGIN_STOPPED"    // Unavailable: the plugin was stopped; the call did not reach it
	ReasonMismatch = "CONTRACT_MISMATCH" // FailedPrecondition: both sides have other types for a method
	ReasonCycle    = "CALL_CYCLE"        // FailedPrecondition: a plugin waits for itself
	ReasonTooLarge = "MESSAGE_TOO_LARGE" // ResourceExhausted: a message is over its limit
	ReasonProtocol = "PROTOCOL_ERROR"    // Internal: the other side broke the protocol
)

// Error is an error that can cross a boundary. errors.Is finds its Code, and
// context.DeadlineExceeded and context.Canceled by their codes; errors.As finds the
// Error itself. In one process it also keeps its cause.
type Error struct {
	Code    Code              `json:"code"`
	Reason  string            `json:"reason,omitempty"` // stable, for programs, in UPPER_SNAKE_CASE
	Message string            `json:"message,omitempty"`
	Details map[string]string `json:"details,omitempty"`
	// Retryable says that the same call may succeed later, after RetryAfter nanoseconds
	// if that is not zero. Nothing repeats a call for it: the caller decides.
	Retryable  bool          `json:"retryable,omitempty"`
	RetryAfter time.Duration `json:"retry_after,omitempty"`

	stack       []byte
	cause       error
	undelivered bool
}

// Errorf makes an error. A %w in the format becomes its cause.
func Errorf(c Code, format string, a ...any) *Error {
	err := fmt.Errorf(format, a...)
	e := &Error{Code: c, Message: err.Error()}
	switch err.(type) {
	case interface{ Unwrap() error }, interface{ Unwrap() []error }:
		e.cause = err
	}
	return e
}

// Error returns the message, or the code in words if there is none.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.String()
	}
	return e.Message
}

// Unwrap returns the cause, which does not cross a boundary.
func (e *Error) Unwrap() error { return e.cause }

// Stack returns the stack of a panic, or nil. It does not cross a boundary.
func (e *Error) Stack() []byte { return e.stack }

// Is reports whether target is the code of e, or the context error of that code.
func (e *Error) Is(target error) bool {
	switch target {
	case context.DeadlineExceeded:
		return e.Code == DeadlineExceeded
	case context.Canceled:
		return e.Code == Canceled
	}
	c, ok := target.(Code)
	return ok && c == e.Code
}

// With returns a copy of e with a detail more.
func (e *Error) With(key, value string) *Error {
	out := *e
	if out.Details = maps.Clone(e.Details); out.Details == nil {
		out.Details = map[string]string{}
	}
	out.Details[key] = value
	return &out
}

// Retry returns a copy of e that says that the call may succeed after a time, in
// nanoseconds on the wire; zero: at any time.
func (e *Error) Retry(after time.Duration) *Error {
	out := *e
	out.Retryable, out.RetryAfter = true, max(after, 0)
	return &out
}

// Delivered reports whether the call may have run. It is false only if whoever made the
// call knows that it did not reach its handler; so the call can be made again.
func (e *Error) Delivered() bool { return !e.undelivered }

// NotDelivered returns a copy of e that says so. Runtimes use it; it does not cross a
// boundary, and a handler that returns it has run.
func (e *Error) NotDelivered() *Error {
	out := *e
	out.undelivered = true
	return &out
}

// handled is the error of a handler: it has run.
func handled(err error) *Error {
	e := AsError(err)
	if e.undelivered {
		out := *e
		out.undelivered = false
		return &out
	}
	return e
}

// Because returns a copy of e with a reason.
func (e *Error) Because(reason string) *Error {
	out := *e
	out.Reason = reason
	return &out
}

// AsError turns any error into one that can cross a boundary. What wraps an [Error]
// keeps its code, reason and details under the full text; a [Code] and context errors
// keep their code; anything else is Unknown. The result unwraps to err. A nil error
// gives nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok {
		return e
	}
	out := &Error{Code: Unknown, Message: err.Error(), cause: err}
	var inner *Error
	var code Code
	switch {
	case errors.As(err, &inner):
		out.Code, out.Reason, out.Details, out.stack = inner.Code, inner.Reason, inner.Details, inner.stack
		out.Retryable, out.RetryAfter, out.undelivered = inner.Retryable, inner.RetryAfter, inner.undelivered
	case errors.As(err, &code):
		out.Code = code
	case errors.Is(err, context.DeadlineExceeded):
		out.Code = DeadlineExceeded
	case errors.Is(err, context.Canceled):
		out.Code = Canceled
	}
	return out
}

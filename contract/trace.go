package contract

import "context"

// Limits of a [Trace] that crosses a boundary, in bytes.
const (
	MaxTraceParent = 255
	MaxTraceState  = 512
)

// Trace is the place of a call in a distributed trace, in the two texts of W3C Trace
// Context (https://www.w3.org/TR/trace-context/). Every runtime takes it along: what
// [WithTrace] puts into the context of a call, [TraceOf] finds in the handler, and in
// the host services that the handler calls. Texts over the limits are left out.
//
// A program that traces with OpenTelemetry injects into and extracts from these two
// texts; this package reads nothing in them.
type Trace struct {
	Parent string // traceparent
	State  string // tracestate
}

type traceKey struct{}

// WithTrace returns a context whose calls are part of t.
func WithTrace(ctx context.Context, t Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf returns the trace that ctx is part of; it is empty if there is none.
func TraceOf(ctx context.Context) Trace {
	t, _ := ctx.Value(traceKey{}).(Trace)
	return t
}

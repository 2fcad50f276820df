package guest

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
)

// Hello describes a registration for the host.
func (r *Registration) Hello() *frame.HelloMessage {
	h := &frame.HelloMessage{Protocol: frame.Version, Plugin: r.ID, Methods: make([]frame.Method, 0, len(r.Methods))}
	for _, m := range r.Methods {
		h.Methods = append(h.Methods, frame.Describe(m))
	}
	if os.Getenv(frame.DescribeEnv) == "1" && r.Config != nil {
		h.Config = schemaOf(r.Config)
	}
	return h
}

// Served is an opened plugin that gets its calls as bytes.
type Served struct {
	*Instance
	env *Env
}

// Serve opens r as an open request asks. env has the parts that depend on the
// runtime: Log, Host and Peers.
func (r *Registration) Serve(ctx context.Context, env *Env, m *frame.OpenMessage, config []byte) (*Served, error) {
	env.ID, env.DataDir = r.ID, m.DataDir
	in, err := r.Start(ctx, env, DecodeConfig(config))
	if err != nil {
		return nil, err
	}
	return &Served{in, env}, nil
}

// Call runs the call in body, which may be used again when Call returns, and appends
// the answer to out.
func (s *Served) Call(ctx context.Context, h frame.CallHeader, message, out []byte) ([]byte, error) {
	handler, ok := s.Handlers[string(h.Path)]
	if !ok || h.Target != frame.Receiver {
		return nil, contract.Errorf(contract.Unimplemented, "plugin %s does not implement %s", s.env.ID, h.Path)
	}
	out, err := handler.InvokeWire(s.context(h.Context(ctx)), nil, message, out)
	LogPanic(ctx, s.env.Log, string(h.Path), err)
	return out, err
}

// Stream finds the handler of the stream request of h.
func (s *Served) Stream(h frame.CallHeader, k contract.Kind) (contract.Handler, error) {
	handler, ok := s.Handlers[string(h.Path)]
	if !ok || h.Target != frame.Receiver {
		return handler, contract.Errorf(contract.Unimplemented, "plugin %s does not implement %s", s.env.ID, h.Path)
	}
	return handler, frame.CheckStream(handler.Method, k)
}

// ServeStream runs a handler that Stream has found, until the stream ends.
func (s *Served) ServeStream(ctx context.Context, h contract.Handler, stream contract.Stream) error {
	err := h.Serve(s.context(ctx), stream)
	LogPanic(ctx, s.env.Log, h.Method.Path(), err)
	return err
}

// LogPanic tells the log of a panic in the handler of the method at path.
func LogPanic(ctx context.Context, log *slog.Logger, path string, err error) {
	if e := contract.AsError(err); e != nil && e.Stack() != nil {
		log.LogAttrs(ctx, slog.LevelError, "panic in a handler",
			slog.String("method", path), slog.String("panic", e.Message), slog.String("stack", string(e.Stack())))
	}
}

func (s *Served) context(ctx context.Context) context.Context {
	if s.env.Bound {
		return ctx
	}
	return With(ctx, s.env)
}

// Lifecycle runs a request that is neither open nor call.
func (s *Served) Lifecycle(ctx context.Context, t frame.Type, rest []byte) error {
	ctx = With(ctx, s.env)
	switch t {
	case frame.Ping:
		return Run(ctx, s.Check)
	case frame.Quiesce:
		return Run(ctx, s.Quiesce)
	case frame.Configure:
		return s.Reconfigure(ctx, DecodeConfig(rest))
	case frame.Stop:
		return Run(ctx, s.Stop)
	}
	return contract.Errorf(contract.Unimplemented, "unknown request: %s", t)
}

// Limit returns ctx with a deadline after left, unless left is zero.
func Limit(ctx context.Context, left time.Duration) (context.Context, context.CancelFunc) {
	if left > 0 {
		return context.WithTimeout(ctx, left)
	}
	return context.WithCancel(ctx)
}

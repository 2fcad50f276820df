package guest

import (
	"context"
	"slices"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
)

// Local calls handlers in this process without a codec. It is safe for concurrent use.
type Local struct {
	handlers map[string]contract.Handler
	points   []pointHandlers                       // the same, to be found faster
	prepare  func(context.Context) context.Context // nil: handlers get the context as it is
	name     string                                // for errors
	copies   bool                                  // messages are copied
}

// pointHandlers are the handlers of one point, by the index of their method; nil: none.
type pointHandlers struct {
	point   *contract.Point
	byIndex []*contract.Handler
}

func byPoint(handlers map[string]contract.Handler) (out []pointHandlers) {
	for _, h := range handlers {
		p := h.Method.Point()
		i := slices.IndexFunc(out, func(x pointHandlers) bool { return x.point == p })
		if i < 0 {
			i, out = len(out), append(out, pointHandlers{p, make([]*contract.Handler, len(p.Methods()))})
		}
		out[i].byIndex[h.Method.Index()] = &h
	}
	return out
}

var (
	_ contract.Caller = (*Local)(nil)
	_ contract.Direct = (*Local)(nil)
)

// NewLocal calls handlers by the path of their method. prepare, if not nil, is applied
// to the context of every call. name stands in errors.
func NewLocal(name string, handlers map[string]contract.Handler, prepare func(context.Context) context.Context) *Local {
	return &Local{handlers: handlers, points: byPoint(handlers), prepare: prepare, name: name}
}

// ByPath indexes handlers by the path of their method.
func ByPath(handlers []contract.Handler) map[string]contract.Handler {
	out := make(map[string]contract.Handler, len(handlers))
	for _, h := range handlers {
		out[h.Method.Path()] = h
	}
	return out
}

func (l *Local) find(m *contract.Method) (contract.Handler, error) {
	h, ok := l.handlers[m.Path()]
	if !ok {
		return h, contract.Errorf(contract.Unimplemented, "%s does not implement %s", l.name, m.Path())
	}
	if h.Method == m {
		return h, nil
	}
	return h, contract.CheckAgreement(m, h.Method.Point().Minor(), h.Method.Fingerprint())
}

func (l *Local) context(ctx context.Context) context.Context {
	if l.prepare == nil {
		return ctx
	}
	return l.prepare(ctx)
}

// Invoke implements contract.Caller.
func (l *Local) Invoke(ctx context.Context, m *contract.Method, req, resp any) error {
	h, err := l.find(m)
	if err != nil {
		return err
	}
	if l.copies {
		return invokeCopy(l.context(ctx), h, m, req, resp)
	}
	return h.Invoke(l.context(ctx), req, resp)
}

// Stream implements contract.Caller.
func (l *Local) Stream(ctx context.Context, m *contract.Method) (contract.Stream, error) {
	s, _, err := l.Open(ctx, m)
	return s, err
}

// Open is Stream with a channel that is closed when the handler has ended.
func (l *Local) Open(ctx context.Context, m *contract.Method) (contract.Stream, <-chan struct{}, error) {
	h, err := l.find(m)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = frame.CheckStream(h.Method, m.Kind())
	}
	if err != nil {
		return nil, nil, contract.AsError(err)
	}
	p := newPipe(l.context(ctx))
	switch {
	case m.IsRelay():
		p.serve(h, handlerEnd{p})
		return rawEnd{callerEnd{p}, h.Method}, p.ended, nil
	case l.copies:
		p.serve(h, copyHandler{handlerEnd{p}, m, h.Method})
		return copyCaller{callerEnd{p}, m, h.Method}, p.ended, nil
	}
	p.serve(h, handlerEnd{p})
	return callerEnd{p}, p.ended, nil
}

// Offers implements contract.Caller.
func (l *Local) Offers(m *contract.Method) bool {
	_, ok := l.handlers[m.Path()]
	return ok
}

// Direct implements contract.Direct.
func (l *Local) Direct(m *contract.Method) (*contract.Handler, contract.Releaser) {
	if l.prepare != nil || l.copies {
		return nil, nil
	}
	p := m.Point()
	for i := range l.points {
		if x := &l.points[i]; x.point == p && m.Index() < len(x.byIndex) {
			return x.byIndex[m.Index()], l
		}
	}
	return nil, nil // another definition of the point: Invoke compares it
}

// Release implements contract.Releaser: there is nothing to release.
func (l *Local) Release(bool) {}

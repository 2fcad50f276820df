package guest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/internal/frame"
)

// NewLogger returns a logger whose records go to send, which must be safe for concurrent
// use. Records below level are dropped here, so that nobody pays for carrying them.
func NewLogger(level slog.Level, send func(*frame.LogMessage)) *slog.Logger {
	return slog.New(&logHandler{level: level, send: send})
}

type logHandler struct {
	level  slog.Level
	send   func(*frame.LogMessage)
	groups []string
	attrs  []scoped
}

// scoped is attributes and how many groups they stand in.
type scoped struct {
	depth int
	attrs []frame.Attr
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// Handle implements slog.Handler.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var own []frame.Attr
	r.Attrs(func(a slog.Attr) bool {
		own = appendAttr(own, a, 0)
		return true
	})
	m := &frame.LogMessage{Level: int(r.Level), Message: clean(r.Message), Attrs: h.tree(own)}
	if !r.Time.IsZero() {
		m.Time = r.Time.UnixNano()
	}
	h.send(m)
	return nil
}

// tree puts own and the attributes collected before into their groups.
func (h *logHandler) tree(own []frame.Attr) []frame.Attr {
	for depth := len(h.groups); ; depth-- {
		var level []frame.Attr
		for _, s := range h.attrs {
			if s.depth == depth {
				level = append(level, s.attrs...)
			}
		}
		own = append(level, own...)
		if depth == 0 {
			return own
		}
		if len(own) > 0 {
			own = []frame.Attr{{Key: clean(h.groups[depth-1]), Kind: "group", Group: own}}
		}
	}
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(as []slog.Attr) slog.Handler {
	var list []frame.Attr
	for _, a := range as {
		list = appendAttr(list, a, 0)
	}
	out := *h
	out.attrs = append(slices.Clip(h.attrs), scoped{len(h.groups), list})
	return &out
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	out := *h
	out.groups = append(slices.Clip(h.groups), name)
	return &out
}

const maxGroups = 8

func appendAttr(list []frame.Attr, a slog.Attr, depth int) []frame.Attr {
	v := a.Value.Resolve()
	out := frame.Attr{Key: clean(a.Key)}
	switch v.Kind() {
	case slog.KindString:
		out.Value = clean(v.String())
	case slog.KindInt64:
		out.Value = v.Int64()
	case slog.KindUint64:
		out.Value = v.Uint64()
	case slog.KindFloat64:
		out.Value = v.Float64()
	case slog.KindBool:
		out.Value = v.Bool()
	case slog.KindDuration:
		out.Kind, out.Value = "duration", v.Duration().Nanoseconds()
	case slog.KindTime:
		out.Kind, out.Value = "time", v.Time().UnixNano()
	case slog.KindGroup:
		if depth == maxGroups {
			return list
		}
		var group []frame.Attr
		for _, g := range v.Group() {
			group = appendAttr(group, g, depth+1)
		}
		if a.Key == "" {
			return append(list, group...)
		}
		out.Kind, out.Group = "group", group
	default:
		if v.Any() == nil && a.Key == "" {
			return list
		}
		out.Value = clean(fmt.Sprintf("%+v", v.Any()))
	}
	return append(list, out)
}

// maxText bounds every text of a record in bytes.
const maxText = 16 << 10

func clean(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

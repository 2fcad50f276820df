package remote

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/frame"
)

// logLevel returns the lowest of slog's levels that l takes.
func logLevel(l *slog.Logger) int {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if l.Enabled(context.Background(), level) {
			return int(level)
		}
	}
	return int(slog.LevelError) + 1
}

// Log hands a record of the plugin, encoded in codec, to l.
func Log(l *slog.Logger, codec contract.Codec, body []byte) {
	var m frame.LogMessage
	if len(body) > frame.MaxLog {
		l.Warn("the plugin sent a log record that is too large", "bytes", len(body))
		return
	}
	if err := codec.Decode(body, &m); err != nil {
		l.Warn("the plugin sent a log record that cannot be read", "error", err)
		return
	}
	ctx, level := context.Background(), slog.Level(min(max(m.Level, math.MinInt16), math.MaxInt16))
	if !l.Enabled(ctx, level) {
		return
	}
	t := time.Now()
	if m.Time > 0 {
		t = time.Unix(0, m.Time)
	}
	r := slog.NewRecord(t, level, m.Message, 0)
	r.AddAttrs(attrs(m.Attrs, 0)...)
	_ = l.Handler().Handle(ctx, r) // a log that fails has no other place to say so
}

// Limits of one record.
const (
	maxAttrs  = 64 // of one level
	maxGroups = 8
)

func attrs(list []frame.Attr, depth int) []slog.Attr {
	if depth > maxGroups {
		return nil
	}
	out := make([]slog.Attr, 0, min(len(list), maxAttrs))
	for _, a := range list[:min(len(list), maxAttrs)] {
		out = append(out, attr(a, depth))
	}
	return out
}

func attr(a frame.Attr, depth int) slog.Attr {
	if a.Kind == "group" {
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(attrs(a.Group, depth+1)...)}
	}
	v := slog.AnyValue(a.Value)
	n, whole := integer(v)
	switch {
	case a.Kind == "duration" && whole:
		v = slog.DurationValue(time.Duration(n))
	case a.Kind == "time" && whole:
		v = slog.TimeValue(time.Unix(0, n))
	case whole && v.Kind() == slog.KindUint64: // CBOR has one form for small numbers of both
		v = slog.Int64Value(n)
	}
	return slog.Attr{Key: a.Key, Value: v}
}

func integer(v slog.Value) (int64, bool) {
	switch v.Kind() {
	case slog.KindInt64:
		return v.Int64(), true
	case slog.KindUint64:
		return int64(v.Uint64()), v.Uint64() <= math.MaxInt64
	case slog.KindFloat64:
		f := v.Float64()
		return int64(f), f == math.Trunc(f) && math.Abs(f) < 1<<63 // times in JSON come with 53 bits
	}
	return 0, false
}

// maxLine is how long a line of output may be; longer ones are cut into several.
const maxLine = 8 << 10

// Lines is an io.Writer that logs every line of a plugin's output. It is not safe for
// concurrent use.
type Lines struct {
	Log    *slog.Logger
	Level  slog.Level
	Stream string            // "stdout" or "stderr"
	Each   func(line string) // also gets every line; may be nil
	// Parse takes the level out of a line; nil: all have Level.
	Parse func(line string) (slog.Level, string)
	part  []byte
}

// Write implements io.Writer. It never fails.
func (l *Lines) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		if room := maxLine - len(l.part); len(line) > room {
			line, rest, ended = b[:room], b[room:], true
		}
		l.part = append(l.part, line...)
		if ended {
			l.Flush()
		}
		b = rest
	}
	return n, nil
}

// Flush logs a line that has no end yet.
func (l *Lines) Flush() {
	text := strings.TrimRight(strings.ToValidUTF8(string(l.part), "\uFFFD"), "\r")
	l.part = l.part[:0]
	if text == "" {
		return
	}
	level := l.Level
	if l.Parse != nil {
		level, text = l.Parse(text)
	}
	if l.Each != nil {
		l.Each(text)
	}
	l.Log.LogAttrs(context.Background(), level, text, slog.String("stream", l.Stream))
}

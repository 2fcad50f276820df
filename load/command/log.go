package command

import (
	"log/slog"
	"strings"

	"github.com/plugstead/plugstead/load/internal/remote"
)

// maxStderr is how much of the standard error of one run is logged, in bytes.
const maxStderr = 256 << 10

// levels are the words that begin a line of a level.
var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// level splits a line of standard error into its level and the text.
func level(line string) (slog.Level, string) {
	word, rest, ok := strings.Cut(line, ":")
	l, known := levels[word]
	if !ok || !known {
		return slog.LevelWarn, line
	}
	return l, strings.TrimPrefix(rest, " ")
}

// stderr logs lines up to a limit. It is not safe for concurrent use.
type stderr struct {
	lines   remote.Lines
	room    int
	dropped int
}

func newStderr(log *slog.Logger, hint *remote.Hint) *stderr {
	return &stderr{room: maxStderr, lines: remote.Lines{Log: log, Stream: "stderr", Parse: level, Each: hint.Note}}
}

// Write implements io.Writer. It never fails.
func (s *stderr) Write(b []byte) (int, error) {
	n := min(len(b), s.room)
	s.room -= n
	s.dropped += len(b) - n
	_, _ = s.lines.Write(b[:n])
	return len(b), nil
}

// end logs what has no line end, and how much was too much.
func (s *stderr) end() {
	s.lines.Flush()
	if s.dropped > 0 {
		s.lines.Log.Warn("the command wrote more to standard error than one call may", "dropped", s.dropped)
	}
}

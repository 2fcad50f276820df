package author

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/plugstead/plugstead/internal/cmdline"
)

// Library is the module that plugins in Go import.
const Library = "github.com/plugstead/plugstead"

// Go runs the go command in a folder and returns what it printed, without space around it.
// What it says of mistakes is part of the error, which has a code and a hint.
func Go(ctx context.Context, dir string, args ...string) (string, error) {
	return run(ctx, dir, nil, append([]string{"go"}, args...)...)
}

// maxOutput is how much of the output of a command is kept, in bytes: its end.
const maxOutput = 64 << 10

// waitDelay is how long the output of a command is read after it was ended.
const waitDelay = 2 * time.Second

// run runs a command in a folder, with variables besides those of this program, and returns
// its standard output. Its output is part of an error. When ctx ends, so does the command with
// all that it has started.
func run(ctx context.Context, dir string, env []string, words ...string) (string, error) {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stdout, stderr tail
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = waitDelay
	endGroup(cmd)
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, exec.ErrNotFound) && words[0] == "go":
		return "", cmdline.New("E0104", "install Go from https://go.dev/dl/ and put it on PATH", "go %s: %w", words[1], err)
	case err != nil:
		said := strings.TrimSpace(stderr.String() + "\n" + stdout.String())
		return "", cmdline.New("E0104", "mend what the command says above", "%s: %w\n%s", strings.Join(words, " "), err, said)
	}
	return strings.TrimSpace(stdout.String()), nil
}

// tail keeps the end of what is written to it, from the begin of a line.
type tail struct {
	kept []byte
	cut  bool
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*maxOutput {
		t.kept, t.cut = append(t.kept[:0], t.kept[len(t.kept)-maxOutput:]...), true
	}
	return len(p), nil
}

// String returns what was kept.
func (t *tail) String() string {
	b := t.kept
	if len(b) > maxOutput {
		b, t.cut = b[len(b)-maxOutput:], true
	}
	if t.cut {
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
		return fmt.Sprintf("…\n%s", b)
	}
	return string(b)
}

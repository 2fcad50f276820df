package plugcobra

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/internal/terminal"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

// consent asks whether plugins are granted what they ask for, on a terminal. It returns nil
// for yes. Where nobody can be asked it returns e.
func consent(c *cobra.Command, e *update.ConsentError) error {
	if cmdline.FormOf(c) != cmdline.Text || inCI() || !terminal.Interactive(c.InOrStdin(), c.ErrOrStderr()) {
		return e
	}
	w := c.ErrOrStderr()
	for _, a := range e.Asks {
		fmt.Fprintln(w, askLine(a.ID, a.Version, a.From))
		for _, k := range a.Capabilities {
			fmt.Fprintf(w, "  %s\n", k.Sentence())
		}
	}
	fmt.Fprint(w, "Grant this? [y/N] ")
	answer, err := readAnswer(c.Context(), c.InOrStdin())
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return cmdline.New("E0314", "", "not granted; nothing was changed")
}

// applyAsking applies p, and again when somebody has granted what plugins ask for; those
// grants are returned.
func applyAsking(c *cobra.Command, h *plugstead.Host, p *plugstead.Plan, wait time.Duration, show *progress) (g *plugstead.Generation, allowed []update.Allow, err error) {
	for {
		g, err = h.ApplyWithin(c.Context(), p, wait)
		e, ok := errors.AsType[*update.ConsentError](err)
		if !ok {
			return g, allowed, err
		}
		if err := show.aside(c, func() error { return consent(c, e) }); err != nil {
			return nil, allowed, err
		}
		more := update.AllowAll(e.Asks)
		p.Allow(more...)
		allowed = append(allowed, more...)
	}
}

// askLine introduces what a plugin asks for.
func askLine(id manifest.ID, to, from version.Version) string {
	if from.IsZero() {
		return fmt.Sprintf("%s %s asks for:", id, to)
	}
	return fmt.Sprintf("%s %s asks for more than %s was granted:", id, to, from)
}

// readAnswer reads one line. After ctx the reader waits on for a line that nobody takes:
// reading from a terminal cannot be interrupted.
func readAnswer(ctx context.Context, r io.Reader) (string, error) {
	const most = 100 // bytes of an answer
	line := make(chan string, 1)
	go func() {
		s, _ := bufio.NewReader(io.LimitReader(r, most)).ReadString('\n') // the end of input is a no
		line <- s
	}()
	select {
	case s := <-line:
		return s, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

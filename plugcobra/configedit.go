package plugcobra

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/config/schema"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/internal/terminal"
)

// editConfig opens the configuration in the editor of the user, again as long as it does not
// fit and somebody is there who wants to go on.
func editConfig(c *cobra.Command, h *plugstead.Host, r install.Record, text string) (cmdline.Outcome, error) {
	editor := strings.Fields(cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR")))
	if len(editor) == 0 {
		return cmdline.Outcome{}, cmdline.New("E0001", "set EDITOR, or use "+cmdline.Again(c, "config")+" set", "no editor: neither VISUAL nor EDITOR is set")
	}
	object, err := parsed(text)
	if err != nil {
		return cmdline.Outcome{}, err
	}
	dir, err := os.MkdirTemp("", "plugstead-config-")
	if err != nil {
		return cmdline.Outcome{}, err
	}
	defer os.RemoveAll(dir)
	var before bytes.Buffer
	if err := cmdline.WriteJSON(&before, object, "  "); err != nil {
		return cmdline.Outcome{}, err
	}
	path, err := keepFile(dir, before.String())
	if err != nil {
		return cmdline.Outcome{}, err
	}
	for {
		if err := runEditor(c, append(editor, path)); err != nil {
			return cmdline.Outcome{}, err
		}
		after, err := readFile(path)
		if err != nil {
			return cmdline.Outcome{}, err
		}
		object, err := config.Parse(after)
		if err == nil {
			err = schema.Check(r.Manifest, string(after))
		}
		if err == nil {
			return storeConfig(c, h, r, text, object)
		}
		if again, askErr := editAgain(c, err); !again || askErr != nil {
			return cmdline.Outcome{}, cmp.Or(askErr, unfit(c, r.ID, err))
		}
	}
}

func runEditor(c *cobra.Command, words []string) error {
	cmd := exec.CommandContext(c.Context(), words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.InOrStdin(), c.ErrOrStderr(), c.ErrOrStderr()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		if errors.Is(context.Cause(c.Context()), context.Canceled) {
			return c.Context().Err()
		}
		return cmdline.New("E0316", "", "nothing was changed: the editor %s: %w", filepath.Base(words[0]), err)
	}
	return nil
}

// editAgain shows what is wrong and asks whether to go on. Where nobody can be asked, no.
func editAgain(c *cobra.Command, wrong error) (bool, error) {
	if cmdline.FormOf(c) != cmdline.Text || inCI() || !terminal.Interactive(c.InOrStdin(), c.ErrOrStderr()) {
		return false, nil
	}
	w := c.ErrOrStderr()
	fmt.Fprintf(w, "%s\nEdit again? [Y/n] ", cmdline.Printable(wrong.Error()))
	answer, err := readAnswer(c.Context(), c.InOrStdin())
	if err != nil || answer == "" {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "", "y", "yes":
		return true, nil
	}
	return false, nil
}

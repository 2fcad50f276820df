// Package plugcobra mounts the plugin commands in a program built with cobra:
//
//	root.AddCommand(plugcobra.Command(host))
//
// gives "myapp plugin install", "… list", "… update" and so on. Errors that the
// commands return show what went wrong, a hint and a code; [ExitCode] maps them.
package plugcobra

import (
	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
)

// Opener opens the host that a command acts for. The returned function is called
// when the command is done.
type Opener func(c *cobra.Command) (*plugstead.Host, func() error, error)

// Command returns "plugin" with all verbs. The host stays open: who opened it
// closes it.
func Command(h *plugstead.Host) *cobra.Command {
	c := cmdline.Group(&cobra.Command{Use: "plugin", Short: "Find, install, update and roll back plugins"})
	cmdline.JSONFlag(c)
	c.AddCommand(Commands(func(*cobra.Command) (*plugstead.Host, func() error, error) {
		return h, func() error { return nil }, nil
	})...)
	return c
}

// Commands returns the verbs alone, for programs that have no host yet when they
// build their commands.
func Commands(open Opener) []*cobra.Command {
	u := user{open}
	return []*cobra.Command{
		u.search(), u.info(), u.install(), u.list(), u.outdated(), u.update(), u.rollback(), u.history(), u.uninstall(), u.enable(), u.disable(), u.config(),
		u.plan(), u.apply(), u.why(), u.whyNot(), u.whatIf(), u.lock(), u.sync(), u.pin(), u.unpin(), u.verify(), u.gc(), u.doctor(),
	}
}

// ExitCode returns the exit code that goes with what a command returned: 0 for nil, 1
// for an error that is not from here. docs/reference/exit-codes.md lists them.
func ExitCode(err error) int { return cmdline.ExitCode(err) }

// user is the verbs of an end user.
type user struct{ open Opener }

// with runs f with an open host.
func (u user) with(f func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error)) func(*cobra.Command, []string) error {
	return cmdline.Run(func(c *cobra.Command, args []string) (o cmdline.Outcome, err error) {
		h, done, err := u.open(c)
		if err != nil {
			return o, err
		}
		o, err = f(c, args, h)
		if cerr := done(); err == nil {
			err = cerr
		}
		return o, err
	})
}

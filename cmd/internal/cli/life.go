package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/version"
)

// The commands of this file change what a registry says of what was published.

// edited is their JSON result.
type edited struct {
	ID      manifest.ID `json:"id"`
	Version string      `json:"version,omitempty"`
	Did     string      `json:"did"` // in the past tense
}

// edit opens the registry and makes a change.
func edit(c *cobra.Command, to string, r edited, change func(context.Context, *client.Client) (bool, error)) (cmdline.Outcome, error) {
	cl, err := registryClient(cmp.Or(to, os.Getenv(plugstead.EnvRegistry)), nil)
	if err != nil {
		return cmdline.Outcome{}, err
	}
	changed, err := change(c.Context(), cl)
	if err != nil {
		return cmdline.Outcome{}, err
	}
	return r.outcome(changed), nil
}

func (r edited) outcome(changed bool) cmdline.Outcome {
	return cmdline.Outcome{Changed: changed, Result: r, Text: func(w io.Writer) {
		did := r.Did
		if !changed {
			did = "already " + did
		}
		fmt.Fprintln(w, strings.TrimSpace(fmt.Sprintf("%s %s %s", did, r.ID, r.Version)))
	}}
}

func past(verb string, undo bool) string {
	if undo {
		return "un" + verb
	}
	return verb
}

func yankCommand() *cobra.Command {
	var to, reason string
	var undo bool
	c := &cobra.Command{
		Use: "yank NAME@VERSION", Short: "Withdraw a published version",
		Long: "Withdraw a published version: nobody who has not installed it will get it, and whoever has it keeps it. --undo takes that back.\n\nEffect: writes the registry.",
		Args: cmdline.Args(cobra.ExactArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			id, v, err := parseRelease(c, args[0])
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return edit(c, to, edited{id, v.String(), past("yanked", undo)}, func(ctx context.Context, cl *client.Client) (bool, error) {
				return cl.Yank(ctx, registry.Yank{ID: id, Version: v, Reason: reason, Undo: undo})
			})
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why, in one line, for those who have it installed")
	c.Flags().BoolVar(&undo, "undo", false, "take a yank back")
	registryFlag(c, &to)
	return c
}

func deprecateCommand() *cobra.Command {
	var to, message, replacement string
	var undo bool
	c := &cobra.Command{
		Use: "deprecate NAME", Short: "Advise against a plugin",
		Long: "Advise against a plugin: whoever installs or updates it is told why, and what to take in its place. Nothing else changes. --undo takes that back.\n\nEffect: writes the registry.",
		Args: cmdline.Args(cobra.ExactArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			id, err := manifest.ParseID(args[0])
			if err != nil {
				return cmdline.Outcome{}, usage(c, "%w", err)
			}
			d := registry.Deprecation{ID: id, Deprecation: index.Deprecation{Message: message, Replacement: manifest.ID(replacement)}, Undo: undo}
			return edit(c, to, edited{id, "", past("deprecated", undo)}, func(ctx context.Context, cl *client.Client) (bool, error) { return cl.Deprecate(ctx, d) })
		}),
	}
	c.Flags().StringVar(&message, "message", "", "why, in one line")
	c.Flags().StringVar(&replacement, "replacement", "", "`NAME` of the plugin to take in its place")
	c.Flags().BoolVar(&undo, "undo", false, "take it back")
	registryFlag(c, &to)
	return c
}

func channelCommand() *cobra.Command {
	c := cmdline.Group(&cobra.Command{
		Use: "channel", Short: "Name releases that users can follow",
		Long: `Name releases that users can follow: "beta", for example, stands for one version today and for
another one tomorrow. "install NAME@beta" takes what the channel stands for, and an update what it
stands for by then. "info NAME" lists the channels.`,
	})
	c.AddCommand(channelSetCommand(), channelRemoveCommand())
	return c
}

func channelSetCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use: "set NAME@VERSION CHANNEL", Short: "Let a channel stand for a version",
		Long: "Let a channel stand for a version. A channel that is there moves.\n\nEffect: writes the registry.",
		Args: cmdline.Args(cobra.ExactArgs(2)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			id, v, err := parseRelease(c, args[0])
			if err == nil {
				err = checkChannel(c, args[1])
			}
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return edit(c, to, edited{id, v.String(), "set channel " + args[1] + " of"}, func(ctx context.Context, cl *client.Client) (bool, error) {
				return cl.SetChannel(ctx, registry.Channel{ID: id, Name: args[1], Version: v})
			})
		}),
	}
	registryFlag(c, &to)
	return c
}

func channelRemoveCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use: "remove NAME CHANNEL", Short: "Remove a channel",
		Long: "Remove a channel. Who follows it keeps what is installed, and cannot update it by this channel any more.\n\nEffect: writes the registry.",
		Args: cmdline.Args(cobra.ExactArgs(2)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			id, err := manifest.ParseID(args[0])
			if err != nil {
				return cmdline.Outcome{}, usage(c, "%w", err)
			}
			if err := checkChannel(c, args[1]); err != nil {
				return cmdline.Outcome{}, err
			}
			return edit(c, to, edited{id, "", "removed channel " + args[1] + " of"}, func(ctx context.Context, cl *client.Client) (bool, error) {
				return cl.SetChannel(ctx, registry.Channel{ID: id, Name: args[1], Undo: true})
			})
		}),
	}
	registryFlag(c, &to)
	return c
}

func checkChannel(c *cobra.Command, name string) error {
	if err := index.CheckChannel(name); err != nil {
		return usage(c, "%w", err)
	}
	return nil
}

func unpublishCommand() *cobra.Command {
	var to, reason string
	c := &cobra.Command{
		Use: "unpublish NAME@VERSION", Short: "Remove a version that should never have been published",
		Long: `Remove a version that should never have been published: a file with a secret, for example. Its number
stays taken for ever, and what others have downloaded they keep. A registry allows it for a while after
the publication, 72 hours usually. To withdraw a version in all other cases, yank it.

Effect: writes the registry; there is no way back.`,
		Args: cmdline.Args(cobra.ExactArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			id, v, err := parseRelease(c, args[0])
			if err != nil {
				return cmdline.Outcome{}, err
			}
			return edit(c, to, edited{id, v.String(), "removed"}, func(ctx context.Context, cl *client.Client) (bool, error) {
				return cl.Remove(ctx, registry.Removal{ID: id, Version: v, Reason: reason})
			})
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why, in one line, for everybody")
	registryFlag(c, &to)
	return c
}

func adminQuarantineCommand() *cobra.Command {
	var f settingFlags
	var reason string
	var undo bool
	c := &cobra.Command{
		Use: "quarantine NAME[@VERSION]", Short: "Block a version that is unsafe, or all of a plugin",
		Long: `Block a version that is unsafe, or all that a plugin has by now: nobody gets it any more, and who has it
installed cannot install it anew. --undo takes that back.

Effect: writes the database.`,
		Args: cmdline.Args(cobra.ExactArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (o cmdline.Outcome, err error) {
			q := &registry.Quarantine{Reason: reason, Undo: undo}
			if err := parseQuarantine(c, args[0], q); err != nil {
				return o, err
			}
			l, err := f.load(c)
			if err != nil {
				return o, err
			}
			l.Options.Log = l.Log(c.ErrOrStderr())
			s, err := server.OpenStore(c.Context(), l.Options)
			if err != nil {
				return o, serveError(err)
			}
			defer s.Close()
			rec, err := s.Commit(c.Context(), registry.Commit{Repo: string(q.ID), Edit: q, Actor: "operator"})
			if err != nil {
				return o, err
			}
			_, v, _ := strings.Cut(args[0], "@")
			return edited{q.ID, v, past("quarantined", undo)}.outcome(!rec.Existed), nil
		}),
	}
	f.add(c, "data")
	c.Flags().StringVar(&reason, "reason", "", "why, in one line, for everybody")
	c.Flags().BoolVar(&undo, "undo", false, "take it back")
	return c
}

func parseQuarantine(c *cobra.Command, arg string, q *registry.Quarantine) (err error) {
	if err := index.CheckReason(q.Reason); err != nil {
		return usage(c, "--reason: %w", err)
	}
	if strings.Contains(arg, "@") {
		id, v, err := parseRelease(c, arg)
		q.ID, q.Version = id, &v
		return err
	}
	if q.ID, err = manifest.ParseID(arg); err != nil {
		return usage(c, "%w", err)
	}
	return nil
}

// parseRelease reads NAME@VERSION.
func parseRelease(c *cobra.Command, arg string) (id manifest.ID, v version.Version, err error) {
	name, text, _ := strings.Cut(arg, "@")
	if id, err = manifest.ParseID(name); err != nil {
		return id, v, usage(c, "%w", err)
	}
	if v, err = version.Parse(text); err != nil {
		return id, v, usage(c, "%w", err)
	}
	return id, v, nil
}

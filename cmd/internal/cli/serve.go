package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
	"github.com/plugstead/plugstead/internal/cmdline"
)

func serveCommand() *cobra.Command {
	var o server.Options
	c := &cobra.Command{
		Use: "serve", Short: "Run a registry",
		Long: `Run a registry: one program, one folder, one port. At the first start it prints a
publish token, once; authors put it into $` + envToken + `. With --json the first line of
output is a JSON document with the address.

Effect: writes --data; listens on --listen until interrupted.`,
		Args: cmdline.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Data == "" {
				return cmdline.Fail(c, usage(c, "--data: want the path of a folder"))
			}
			if _, err := net.ResolveTCPAddr("tcp", o.Listen); err != nil {
				return cmdline.Fail(c, usage(c, "--listen %q: want HOST:PORT, for example 127.0.0.1:8080: %w", o.Listen, err))
			}
			o.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			s, err := server.Open(c.Context(), o)
			if err != nil {
				return cmdline.Fail(c, serveError(err))
			}
			started := cmdline.Run(func(*cobra.Command, []string) (cmdline.Outcome, error) {
				return cmdline.Outcome{Result: map[string]any{"url": s.URL(), "token": s.FirstToken}, Changed: s.FirstToken != ""}, nil
			})
			if err := started(c, nil); err != nil {
				return errors.Join(err, s.Close())
			}
			if s.FirstToken != "" {
				fmt.Fprintf(c.ErrOrStderr(), "publish token, shown this once: %s\n", s.FirstToken)
			}
			fmt.Fprintf(c.ErrOrStderr(), "registry at %s, data in %s; stop with Ctrl-C\n", s.URL(), o.Data)
			return s.Serve(c.Context())
		},
	}
	c.Flags().StringVar(&o.Data, "data", "plugstead-data", "folder for everything the registry keeps")
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8080", "address and port; port 0 takes a free one")
	return c
}

func serveError(err error) error {
	switch {
	case errors.Is(err, server.ErrLocked):
		return cmdline.New("E0601", "stop the other server, or give another folder with --data", "%w", err)
	case errors.Is(err, server.ErrPortTaken):
		return cmdline.New("E0602", "plugstead serve --listen 127.0.0.1:0", "%w", err)
	case errors.Is(err, sqlstore.ErrNewer):
		return cmdline.New("E0603", "run the version of plugstead that made the folder, or a newer one", "%w", err)
	}
	return err
}

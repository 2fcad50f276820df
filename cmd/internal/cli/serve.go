package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/cmd/internal/server/settings"
	"github.com/plugstead/plugstead/cmd/internal/server/sqlstore"
	"github.com/plugstead/plugstead/internal/cmdline"
)

// settingFlags are where the commands of a registry get their settings from.
type settingFlags struct {
	file string
	set  []string
	own  map[string]*string // flags of their own, by key
}

// add adds the flags to a command; own are settings that have a flag of their own.
func (f *settingFlags) add(c *cobra.Command, own ...string) {
	f.own = map[string]*string{}
	for _, s := range settings.All() {
		for _, key := range own {
			if s.Key == key {
				f.own[key] = c.Flags().String(key, s.Default, strings.ReplaceAll(s.Help, "`", ""))
			}
		}
	}
	c.Flags().StringVar(&f.file, "config", "", "file with settings (default $"+settings.EnvFile+")")
	c.Flags().StringArrayVar(&f.set, "set", nil, "a setting, as KEY=VALUE; plugstead admin config list shows all")
}

// load reads the settings.
func (f *settingFlags) load(c *cobra.Command) (*settings.Loaded, error) {
	flags := map[string]string{}
	for key, value := range f.own {
		if c.Flags().Changed(key) {
			flags[key] = *value
		}
	}
	for _, s := range f.set {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usage(c, "--set %q: want KEY=VALUE, for example listen=127.0.0.1:0", s)
		}
		flags[key] = value
	}
	l, err := settings.Load(settings.Sources{Flags: flags, Getenv: os.Getenv, File: f.file})
	if err != nil {
		return nil, serveError(err)
	}
	return l, nil
}

func serveCommand() *cobra.Command {
	var f settingFlags
	c := &cobra.Command{
		Use: "serve", Short: "Run a registry",
		Long: `Run a registry: without settings one program, one folder, one port. At the first start
it prints a publish token, once; authors put it into $` + envToken + `. Settings come from
flags, the environment, a file, and defaults; "plugstead admin config list" shows them. With
--json the first line of output is a JSON document with the address.

Effect: writes --data, or the database and the bucket of the settings; listens on --listen until interrupted.`,
		Args: cmdline.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := f.load(c)
			if err == nil {
				err = checkPlaces(c, l.Options)
			}
			if err != nil {
				return cmdline.Fail(c, err)
			}
			return serve(c, l)
		},
	}
	f.add(c, "data", "listen")
	return c
}

// checkPlaces finds mistakes that would otherwise make a folder, or fail later.
func checkPlaces(c *cobra.Command, o server.Options) error {
	if o.Data == "" {
		return usage(c, "--data: want the path of a folder")
	}
	if _, err := net.ResolveTCPAddr("tcp", o.Listen); err != nil {
		return usage(c, "--listen %q: want HOST:PORT, for example 127.0.0.1:8080: %w", o.Listen, err)
	}
	return nil
}

func serve(c *cobra.Command, l *settings.Loaded) error {
	o := l.Options
	o.Log = l.Log(c.ErrOrStderr())
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
	fmt.Fprintf(c.ErrOrStderr(), "registry at %s, data in %s; stop with Ctrl-C\n", s.URL(), places(o))
	return s.Serve(c.Context())
}

// places says where a registry keeps what it has.
func places(o server.Options) string {
	switch {
	case o.Database != "" && o.Bucket != nil:
		return "PostgreSQL and the bucket " + o.Bucket.Bucket
	case o.Database != "":
		return "PostgreSQL and " + o.Data
	case o.Bucket != nil:
		return o.Data + " and the bucket " + o.Bucket.Bucket
	}
	return o.Data
}

func serveError(err error) error {
	switch {
	case errors.Is(err, server.ErrLocked):
		return cmdline.New("E0601", "stop the other server, or give another folder with --data", "%w", err)
	case errors.Is(err, server.ErrPortTaken):
		return cmdline.New("E0602", "plugstead serve --listen 127.0.0.1:0", "%w", err)
	case errors.Is(err, sqlstore.ErrNewer):
		return cmdline.New("E0603", "run the version of plugstead that made the folder, or a newer one", "%w", err)
	case errors.Is(err, settings.ErrSetting):
		return cmdline.New("E0604", "plugstead admin config list", "%w", err)
	case errors.Is(err, server.ErrPlace):
		return cmdline.New("E0605", "plugstead admin config list --show-origin", "%w", err)
	}
	return err
}

package cli

import (
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/registry"
)

// namespacePattern is what the first part of a repository's name may look like.
var namespacePattern = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)

func adminNamespaceCommand() *cobra.Command {
	c := cmdline.Group(&cobra.Command{
		Use: "namespace", Short: "Make namespaces", Long: "Make namespaces: the first part of the name of a plugin or repository. A publication makes one by itself, for plugins.",
	})
	var f settingFlags
	var kind string
	create := &cobra.Command{
		Use: "create NAME", Short: "Make a namespace",
		Long: `Make a namespace. In one of kind "plugin" every tag is the version of a plugin, and never moves; one of kind
"oci" takes whatever container tools push, and tags there move.

Effect: writes the database.`,
		Args: cmdline.Args(cobra.ExactArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (o cmdline.Outcome, err error) {
			ns := registry.Namespace{Name: args[0], Kind: registry.Kind(kind)}
			if err := checkNamespace(ns); err != nil {
				return o, usage(c, "%w", err)
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
			rec, err := s.Commit(c.Context(), registry.Commit{Namespace: &ns, Actor: "operator"})
			if err != nil {
				return o, err
			}
			return cmdline.Outcome{Changed: !rec.Existed, Result: map[string]any{"namespace": ns.Name, "kind": ns.Kind}, Text: func(w io.Writer) {
				did := "made"
				if rec.Existed {
					did = "already there:"
				}
				fmt.Fprintf(w, "%s namespace %s of kind %s\n", did, ns.Name, ns.Kind)
			}}, nil
		}),
	}
	f.add(create, "data")
	create.Flags().StringVar(&kind, "kind", string(registry.KindPlugin), `"plugin" or "oci"`)
	c.AddCommand(create)
	return c
}

func checkNamespace(ns registry.Namespace) error {
	switch ns.Kind {
	case registry.KindPlugin:
		_, err := manifest.ParseID(ns.Name + "/x")
		return err
	case registry.KindOCI:
		if len(ns.Name) > 100 || !namespacePattern.MatchString(ns.Name) {
			return fmt.Errorf("namespace %.60q: want lower-case letters, digits, and . _ - between them", ns.Name)
		}
		return nil
	}
	return fmt.Errorf("--kind %q: want plugin or oci", ns.Kind)
}

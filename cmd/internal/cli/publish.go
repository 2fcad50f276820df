package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/cmd/internal/author"
	"github.com/plugstead/plugstead/config/schema"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/version"
)

// envToken is the environment variable that holds the token for publishing. There
// is no flag: command lines are seen by others.
const envToken = "PLUGSTEAD_TOKEN"

// packed is the JSON result of pack and publish.
type packed struct {
	ID       manifest.ID     `json:"id"`
	Version  version.Version `json:"version"`
	Digest   artifact.Digest `json:"digest"`
	Size     int64           `json:"size"` // of all blobs, bytes
	To       string          `json:"to"`
	Note     string          `json:"note,omitempty"`     // what went wrong beside it
	Warnings []string        `json:"warnings,omitempty"` // of the registry
	there    bool            // before, with the same content
}

// options reads the creation time that build systems agree on.
func options() (publish.Options, error) {
	var o publish.Options
	if s := os.Getenv("SOURCE_DATE_EPOCH"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 {
			return o, cmdline.New("E0001", "unset SOURCE_DATE_EPOCH", "SOURCE_DATE_EPOCH=%q is not a number of seconds", s)
		}
		o.Created = time.Unix(n, 0)
	}
	return o, nil
}

// pushTo packs the folder of args and pushes it to the place that open gives. A push to
// a place that has it all is made too: it finds out whether the token is right.
func pushTo(ctx context.Context, args []string, describe bool, open func(manifest.ID) (place, error)) (packed, error) {
	o, err := options()
	if err != nil {
		return packed{}, err
	}
	root, err := openFolder(folderOf(args))
	if err != nil {
		return packed{}, err
	}
	defer root.Close()
	var notes []string
	if describe {
		o.Describe = func(m *manifest.Manifest) (*manifest.Built, error) {
			b, note, err := author.Built(ctx, root, m)
			if note != "" {
				notes = append(notes, note)
			}
			return b, err
		}
	}
	p, err := publish.Pack(root, o)
	if err != nil {
		return packed{}, packError(err)
	}
	defer p.Close()
	if b := p.Manifest.Built; b != nil && b.Config != "" {
		if err := schema.Valid(b.Config); err != nil {
			return packed{}, cmdline.New("E0103", "mend the schema: nothing could be configured with it", "schema of the configuration: %w", err)
		}
	}
	t, err := open(p.Manifest.ID)
	if err != nil {
		return packed{}, err
	}
	r := packed{ID: p.Manifest.ID, Version: p.Manifest.Version, Digest: p.Digest}
	for _, b := range p.Blobs() {
		r.Size += b.Size
	}
	r.there = t.holds(ctx, r.ID, r.Version, r.Digest)
	if err := publish.Push(ctx, t, p, o); err != nil {
		return r, err
	}
	if x, ok := t.(interface{ note() string }); ok && x.note() != "" {
		notes = append(notes, x.note())
	}
	r.Note = strings.Join(notes, "; ")
	if x, ok := t.(interface{ warnings() []string }); ok {
		r.Warnings = x.warnings()
	}
	return r, nil
}

// openFolder opens the folder of a plugin. It looks before it opens: to open a named
// pipe is to wait for whoever writes to it.
func openFolder(dir string) (root *os.Root, err error) {
	st, err := os.Stat(dir)
	if err == nil && !st.IsDir() {
		err = fmt.Errorf("%s: not a folder", dir)
	}
	if err == nil {
		root, err = os.OpenRoot(dir)
	}
	if err != nil {
		return nil, cmdline.New("E0102", "name a folder with a plugin.yaml in it", "%w", err)
	}
	return root, nil
}

// packError gives a code to files that cannot be packed.
func packError(err error) error {
	if e := cmdline.Explain("plugstead", err); e.Code != "E0000" {
		return e
	}
	return cmdline.New("E0103", "mend the file named above, or take it out of plugin.yaml", "%w", err)
}

// describeFlag adds --no-describe to a command that packs.
func describeFlag(c *cobra.Command, no *bool) {
	c.Flags().BoolVar(no, "no-describe", false, "do not run the built plugin to record what it implements and what configuration it takes")
}

func packCommand() *cobra.Command {
	var out string
	var bare bool
	c := &cobra.Command{
		Use: "pack [DIR]", Short: "Pack a plugin folder into a folder of packed plugins",
		Long: "Pack a plugin folder. The result is an OCI image layout from which plugins can be installed. Packing is reproducible.\n\nEffect: writes --out.",
		Args: cmdline.Args(cobra.MaximumNArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			if out == "" {
				return cmdline.Outcome{}, usage(c, "--out: want the path of a folder")
			}
			r, err := pushTo(c.Context(), args, !bare, func(manifest.ID) (place, error) { return openFolderPlace(out) })
			if err != nil {
				return cmdline.Outcome{}, err
			}
			r.To = out
			return cmdline.Outcome{Result: r, Changed: !r.there, Text: func(w io.Writer) {
				fmt.Fprintf(w, "packed %s %s into %s (%s)\n%s\n", r.ID, r.Version, out, cmdline.Bytes(r.Size), r.Digest)
				if r.Note != "" {
					fmt.Fprintf(w, "note: %s\n", cmdline.Line(r.Note))
				}
			}}, nil
		}),
	}
	c.Flags().StringVar(&out, "out", "dist", "folder for the packed plugin")
	describeFlag(c, &bare)
	return c
}

func publishCommand() *cobra.Command {
	var to string
	var bare bool
	c := &cobra.Command{
		Use: "publish [DIR]", Short: "Publish a plugin folder to a registry",
		Long: "Pack a plugin folder and publish it. A published version never changes; publishing the same content again does nothing. The token is read from $" + envToken + "; for oci://HOST/PREFIX, any OCI registry, the credentials are those of docker login.\n\nEffect: writes the registry.",
		Args: cmdline.Args(cobra.MaximumNArgs(1)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
			to = cmp.Or(to, os.Getenv(plugstead.EnvRegistry))
			r, err := pushTo(c.Context(), args, !bare, func(id manifest.ID) (place, error) { return target(to, id) })
			if err != nil {
				return cmdline.Outcome{}, err
			}
			r.To = to
			return cmdline.Outcome{Result: r, Changed: !r.there, Text: func(w io.Writer) {
				verb := "published"
				if r.there {
					verb = "already published"
				}
				fmt.Fprintf(w, "%s %s %s (%s)\n%s\n", verb, r.ID, r.Version, cmdline.Bytes(r.Size), r.Digest)
				if r.Note != "" {
					fmt.Fprintf(w, "note: %s\n", cmdline.Line(r.Note))
				}
				if len(r.Warnings) > 0 {
					fmt.Fprintln(w, warned(r.Warnings))
				}
			}}, nil
		}),
	}
	registryFlag(c, &to)
	describeFlag(c, &bare)
	return c
}

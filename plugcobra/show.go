package plugcobra

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

func (u user) search() *cobra.Command {
	var q index.Query
	c := &cobra.Command{
		Use: "search [WORD…]", Short: "Find plugins in the registry",
		Long: "Find plugins whose name, summary or keywords have all words.\n\nEffect: read-only.",
		RunE: u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
			q.Text = strings.Join(args, " ")
			if err := checkQuery(q); err != nil {
				return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
			}
			hits := []index.Hit{}
			for x, err := range h.Search(c.Context(), q) {
				if err != nil {
					return cmdline.Outcome{}, err
				}
				hits = append(hits, x)
			}
			return cmdline.Outcome{Result: hits, Text: func(w io.Writer) {
				if len(hits) == 0 {
					fmt.Fprintln(w, "no plugin matches")
					return
				}
				table(w, "NAME\tVERSION\tSUMMARY", func(add func(...any)) {
					for _, x := range hits {
						add(x.ID, x.Version, x.Summary)
					}
				})
			}}, nil
		}),
	}
	c.Flags().StringVar(&q.Point, "at", "", "only plugins for this extension point")
	c.Flags().StringVar(&q.Runtime, "runtime", "", "only plugins with this runtime")
	c.Flags().IntVar(&q.Limit, "limit", index.DefaultLimit, fmt.Sprintf("how many at the most, up to %d", index.MaxLimit))
	return c
}

// maxText is how many bytes of words a registry takes.
const maxText = 200

// checkQuery refuses what could find nothing, so that a typing mistake does not look
// like an empty registry.
func checkQuery(q index.Query) error {
	switch {
	case len(q.Text) > maxText || !utf8.ValidString(q.Text):
		return fmt.Errorf("words: want at most %d bytes of text", maxText)
	case q.Limit < 1 || q.Limit > index.MaxLimit:
		return fmt.Errorf("--limit %d: want a number from 1 to %d", q.Limit, index.MaxLimit)
	case q.Runtime != "" && !slices.Contains(manifest.PackageRuntimes(), q.Runtime):
		return fmt.Errorf("--runtime %q: want one of %s", q.Runtime, strings.Join(manifest.PackageRuntimes(), ", "))
	case q.Point != "":
		if err := manifest.CheckPointID(q.Point); err != nil {
			return fmt.Errorf("--at: %w", err)
		}
	}
	return nil
}

// infoResult is the JSON result of info.
type infoResult struct {
	ID           manifest.ID              `json:"id"`
	Summary      string                   `json:"summary"`
	License      string                   `json:"license,omitempty"`
	Installed    *version.Version         `json:"installed,omitempty"`
	Latest       *version.Version         `json:"latest,omitempty"`
	Provides     []manifest.PointRef      `json:"provides"`
	Requires     []manifest.Need          `json:"requires"`
	Host         map[string]version.Range `json:"host,omitempty"`
	Capabilities []manifest.Capability    `json:"capabilities"`
	Providers    []manifest.ID            `json:"providers,omitempty"` // plugins that offer this name
	Deprecated   *index.Deprecation       `json:"deprecated,omitempty"`
	Channels     []index.Channel          `json:"channels,omitempty"`
	Versions     []infoVersion            `json:"versions"`
}

type infoVersion struct {
	Version  version.Version `json:"version"`
	Yanked   string          `json:"yanked,omitempty"`
	Blocked  string          `json:"blocked,omitempty"`
	Runtimes []string        `json:"runtimes"`
}

func (u user) info() *cobra.Command {
	return &cobra.Command{
		Use: "info NAME", Short: "Show a plugin and its versions",
		Long: "Show a plugin: its versions, what it needs and what it asks to be allowed.\n\nEffect: read-only.",
		Args: cmdline.Args(cobra.ExactArgs(1)),
		RunE: u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
			id, err := manifest.ParseID(args[0])
			if err != nil {
				return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" acme/hello", "%w", err)
			}
			doc, err := h.Index(c.Context(), id)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			g, err := h.Installed()
			if err != nil {
				return cmdline.Outcome{}, err
			}
			r := makeInfo(doc, g)
			return cmdline.Outcome{Result: r, Text: r.show}, nil
		}),
	}
}

func makeInfo(doc *index.Plugin, g *plugstead.Generation) infoResult {
	r := infoResult{
		ID: doc.ID, Summary: doc.Summary, License: doc.License, Providers: doc.Providers, Deprecated: doc.Deprecated, Channels: doc.Channels, Versions: []infoVersion{},
		Provides: []manifest.PointRef{}, Requires: []manifest.Need{}, Capabilities: []manifest.Capability{},
	}
	if rec, ok := g.Find(doc.ID); ok {
		r.Installed = &rec.Manifest.Version
	}
	if l, ok := doc.Latest(); ok {
		r.Latest, r.Host = &l.Version, l.Host
		r.Provides = append(r.Provides, l.Provides...)
		r.Requires = append(r.Requires, l.Requires...)
		r.Capabilities = append(r.Capabilities, l.Capabilities...)
	}
	for i := len(doc.Releases) - 1; i >= 0; i-- {
		rel := &doc.Releases[i]
		v := infoVersion{Version: rel.Version, Runtimes: []string{}}
		if y := rel.State.Yanked; y != nil {
			v.Yanked = cmp.Or(y.Reason, "no reason given")
		}
		if y := rel.State.Blocked; y != nil {
			v.Blocked = cmp.Or(y.Reason, "no reason given")
		}
		for _, p := range rel.Packages {
			v.Runtimes = append(v.Runtimes, p.Runtime+" "+p.Platform.String())
		}
		r.Versions = append(r.Versions, v)
	}
	return r
}

func (r infoResult) show(w io.Writer) {
	fmt.Fprintf(w, "%s  %s\n", r.ID, cmdline.Line(r.Summary))
	line := func(name string, value any) {
		fmt.Fprintf(w, "  %-10s %s\n", name, cmdline.Line(fmt.Sprint(value)))
	}
	if r.Deprecated != nil {
		line("deprecated", r.Deprecated)
	}
	for _, c := range r.Channels {
		line("channel", c.Name+" "+c.Version.String())
	}
	if r.License != "" {
		line("licence", r.License)
	}
	if r.Installed != nil {
		line("installed", r.Installed)
	}
	for _, p := range r.Provides {
		line("provides", p)
	}
	for _, app := range slices.Sorted(maps.Keys(r.Host)) {
		line("host", app+" "+r.Host[app].String())
	}
	for _, n := range r.Requires {
		line("requires", fmt.Sprintf("%s %s", n.ID, n.Range))
	}
	for _, id := range r.Providers {
		line("offered by", id)
	}
	for _, c := range r.Capabilities {
		line("asks to", c.Describe())
	}
	for _, v := range r.Versions {
		s := fmt.Sprintf("%s  %s", v.Version, strings.Join(v.Runtimes, ", "))
		if v.Yanked != "" {
			s += "  yanked: " + v.Yanked
		}
		if v.Blocked != "" {
			s += "  blocked: " + v.Blocked
		}
		line("version", s)
	}
}

// listed is one row of list.
func (u user) outdated() *cobra.Command {
	var exitCode bool
	var f changeFlags
	c := &cobra.Command{
		Use: "outdated", Short: "List plugins for which there are newer versions",
		Long: "List the installed plugins with the version an update would choose, the newest there is, and what keeps it away.\n\nEffect: read-only.",
		Args: cmdline.Args(cobra.NoArgs),
		RunE: u.with(func(c *cobra.Command, _ []string, h *plugstead.Host) (cmdline.Outcome, error) {
			ch, err := f.change(nil, func([]string, *changeFlags) (ch plugstead.Change, err error) { return ch, nil })
			if err != nil {
				return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
			}
			list, err := h.Outdated(c.Context(), ch)
			if err != nil {
				return cmdline.Outcome{}, err
			}
			pending := 0
			for _, o := range list {
				if o.Wanted != o.Installed {
					pending++
				}
			}
			out := cmdline.Outcome{Result: list, Text: func(w io.Writer) {
				if len(list) == 0 {
					fmt.Fprintln(w, "no plugins are installed")
					return
				}
				table(w, "NAME\tINSTALLED\tWANTED\tLATEST\tWHY NOT LATEST", func(add func(...any)) {
					for _, o := range list {
						why := o.WhyNot
						if o.Pinned {
							why = strings.TrimPrefix(why+"; pinned", "; ")
						}
						if o.Deprecated != nil {
							why = strings.TrimPrefix(why+"; deprecated: "+o.Deprecated.String(), "; ")
						}
						if o.Yanked != "" {
							why = strings.TrimPrefix(why+"; installed version is yanked: "+o.Yanked, "; ")
						}
						latest := "none"
						if !o.Latest.IsZero() {
							latest = o.Latest.String()
						}
						add(o.ID, o.Installed, o.Wanted, latest, why)
					}
				})
				if pending > 0 {
					fmt.Fprintf(w, "%d can be updated: %s\n", pending, cmdline.Again(c, "update"))
				}
			}}
			if exitCode && pending > 0 {
				out.Exit = cmdline.ExitPending
			}
			return out, nil
		}),
	}
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 10 if there is something to update")
	f.addSolving(c)
	f.addOffline(c)
	return c
}

func (u user) history() *cobra.Command {
	return &cobra.Command{
		Use: "history", Short: "List the changes of the installed set",
		Long: "List the generations of the installed set, the newest first.\n\nEffect: read-only.",
		Args: cmdline.Args(cobra.NoArgs),
		RunE: u.with(func(_ *cobra.Command, _ []string, h *plugstead.Host) (cmdline.Outcome, error) {
			list, err := h.History()
			if err != nil {
				return cmdline.Outcome{}, err
			}
			type row struct {
				Generation int    `json:"generation"`
				Made       string `json:"made"`
				Why        string `json:"why"`
				Plugins    int    `json:"plugins"`
			}
			rows := []row{}
			for _, g := range list {
				rows = append(rows, row{g.Number, g.Made.UTC().Format(time.RFC3339), g.Why, len(g.Records)})
			}
			return cmdline.Outcome{Result: rows, Text: func(w io.Writer) {
				if len(rows) == 0 {
					fmt.Fprintln(w, "there are no generations to go back to")
					return
				}
				table(w, "GENERATION\tMADE\tPLUGINS\tWHY", func(add func(...any)) {
					for _, r := range rows {
						add(r.Generation, strings.Replace(r.Made, "T", " ", 1), r.Plugins, r.Why)
					}
				})
			}}, nil
		}),
	}
}

package plugcobra

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/version"
)

// listed is an installed plugin in the JSON result of list.
type listed struct {
	ID        manifest.ID     `json:"id"`
	Version   version.Version `json:"version"`
	Runtime   string          `json:"runtime"`
	Requested bool            `json:"requested"`
	Because   []string        `json:"because"`
	Source    string          `json:"source"`
	Disabled  bool            `json:"disabled,omitempty"`
	Override  string          `json:"override,omitempty"` // folder that it runs from; the version is that of it
	Aside     string          `json:"aside,omitempty"`    // why it does not start although it is not disabled
	hint      string          // what helps an override
}

func (u user) list() *cobra.Command {
	var asTree bool
	var lock string
	c := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the installed plugins",
		Long: "List the installed plugins and who needs them. Needs no network.\n\nEffect: read-only.",
		Args: cmdline.Args(cobra.NoArgs),
		RunE: u.with(func(c *cobra.Command, _ []string, h *plugstead.Host) (cmdline.Outcome, error) {
			g, err := h.Installed()
			if err != nil {
				return cmdline.Outcome{}, err
			}
			differs := false
			if lock != "" {
				if differs, err = h.LockDiffers(lock); err != nil {
					return cmdline.Outcome{}, err
				}
			}
			rows, err := setOverrides(c, h, rowsOf(g))
			if err != nil {
				return cmdline.Outcome{}, err
			}
			if err := setAside(h, rows); err != nil {
				return cmdline.Outcome{}, err
			}
			result := map[string]any{"generation": g.Number, "plugins": rows}
			if lock != "" {
				result["lockDiffers"] = differs
			}
			return cmdline.Outcome{Result: result, Text: func(w io.Writer) {
				switch {
				case len(rows) == 0:
					fmt.Fprintln(w, "no plugins are installed")
				case asTree:
					tree(w, &g.Lock)
				default:
					table(w, "NAME\tVERSION\tRUNTIME\tNEEDED BY", func(add func(...any)) {
						for _, r := range rows {
							add(r.ID, r.Version, r.Runtime, r.neededBy())
						}
					})
				}
				showAside(w, c, rows)
				if differs {
					fmt.Fprintf(w, "%s says something else; make them equal with: %s\n", lock, cmdline.Again(c, "sync --lock "+lock))
				}
			}}, nil
		}),
	}
	c.Flags().BoolVar(&asTree, "tree", false, "show what each plugin requires below it")
	c.Flags().StringVar(&lock, "lock", "", "lock file to compare with")
	return c
}

// neededBy says why a plugin is there.
func (r listed) neededBy() string {
	if r.Override == "" {
		return strings.Join(r.Because, ", ")
	}
	return "override " + update.PathPrefix + cmdline.Line(r.Override)
}

// setOverrides adds the development overrides to rows.
func setOverrides(c *cobra.Command, h *plugstead.Host, rows []listed) ([]listed, error) {
	list, err := h.Overrides()
	for _, o := range list {
		i := slices.IndexFunc(rows, func(r listed) bool { return r.ID == o.ID })
		if i < 0 {
			i = len(rows)
			rows = append(rows, listed{ID: o.ID, Because: []string{}})
		}
		r := &rows[i]
		r.Override, r.Source, r.Runtime = o.Dir, update.PathPrefix+o.Dir, o.Runtime
		r.Version = version.Version{}
		if o.Manifest != nil {
			r.Version = o.Manifest.Version
		}
		if o.Err != nil {
			r.hint = cmdline.Explain(cmdline.Program(c), o.Err).Hint
		}
	}
	return rows, err
}

// setAside marks the plugins that do not start.
func setAside(h *plugstead.Host, rows []listed) error {
	aside, err := h.Aside()
	for _, a := range aside {
		for i := range rows {
			switch {
			case rows[i].ID != a.ID:
			case errors.Is(a.Why, update.ErrDisabled):
				rows[i].Disabled = true
			default:
				rows[i].Aside = a.Why.Error()
			}
		}
	}
	return err
}

func showAside(w io.Writer, c *cobra.Command, rows []listed) {
	n := 0
	for _, r := range rows {
		if r.Disabled {
			fmt.Fprintf(w, "disabled: %s; start it again with: %s\n", r.ID, cmdline.Again(c, "enable "+string(r.ID)))
		}
		switch {
		case r.Override != "":
			showOverrideProblem(w, r.Aside, r.hint)
		case r.Aside != "":
			n++
			fmt.Fprintf(w, "does not start: %s\n", r.Aside)
		}
	}
	if n > 0 {
		fmt.Fprintf(w, "look for versions that fit: %s\n", cmdline.Again(c, "plan update"))
	}
}

func rowsOf(g *plugstead.Generation) []listed {
	rows := []listed{}
	for _, r := range g.Records {
		l, _ := g.Lock.Find(r.ID)
		row := listed{ID: r.ID, Version: r.Manifest.Version, Runtime: r.Runtime, Because: append([]string{}, g.Lock.Because(r.ID)...), Source: l.Source}
		for _, w := range g.Lock.Requests {
			row.Requested = row.Requested || w.ID == r.ID
		}
		rows = append(rows, row)
	}
	return rows
}

// tree shows each request with what it requires below it. A plugin that was shown is
// not taken apart again, so cycles end.
func tree(w io.Writer, l *resolve.Lock) {
	shown := map[manifest.ID]bool{}
	type node struct {
		id    manifest.ID
		text  string
		depth int
	}
	var todo []node
	for _, r := range slices.Backward(l.Requests) {
		todo = append(todo, node{id: r.ID, text: asked(r.Range)})
	}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		p, ok := l.Find(n.id)
		line := strings.Repeat("  ", n.depth) + string(n.id) + " " + p.Version.String() + n.text
		if !ok {
			line = strings.Repeat("  ", n.depth) + string(n.id) + n.text
		}
		if shown[n.id] && len(p.Requires) > 0 {
			line += " (see above)"
		}
		fmt.Fprintln(w, line)
		if shown[n.id] {
			continue
		}
		shown[n.id] = true
		for _, m := range slices.Backward(p.Requires) {
			if _, there := l.Find(m.ID); there {
				todo = append(todo, node{m.ID, asked(m.Range), n.depth + 1})
			}
		}
	}
}

func asked(r version.Range) string {
	if r.IsAny() {
		return ""
	}
	return " for " + r.String()
}

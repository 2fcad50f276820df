package plugcobra

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/config/schema"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/update"
)

// configured is the JSON result of config.
type configured struct {
	ID         manifest.ID `json:"id"`
	Generation int         `json:"generation"`
	Config     any         `json:"config"` // with references in place of secrets
}

// configFlags are what changes a configuration besides words.
type configFlags struct {
	unset []string
	from  string
}

func (u user) config() *cobra.Command {
	var f configFlags
	c := &cobra.Command{
		Use:   "config NAME [get [KEY] | set KEY=VALUE… | edit]",
		Short: "Show or change the configuration of a plugin",
		Long: "Show or change the configuration of an installed plugin. KEY is one key, or several with dots between. VALUE is JSON, or a text. " +
			"VALUE @env:NAME or @file:/PATH is a reference to a secret, which is read when the plugin starts and is not stored. " +
			"A configuration that does not fit the schema of the plugin changes nothing. It is part of the installed set: a rollback brings back what was before. " +
			"A running application that runs this command applies it at once, others when they start the next time.\n\nEffect: changes the installed set. Without set and edit: read-only.",
		Args: cmdline.Args(cobra.MinimumNArgs(1)),
		RunE: u.with(func(c *cobra.Command, args []string, h *plugstead.Host) (cmdline.Outcome, error) {
			for {
				o, err := u.configVerb(c, h, args, f)
				if !errors.Is(err, update.ErrStale) || args[1] != "set" || f.from != "" {
					return o, err
				} // somebody was faster: set the keys in what is there now
			}
		}),
	}
	cmdline.Examples(c, "acme/mail", "acme/mail set smtp.host=mail.example.org smtp.password=@env:MAIL_PASSWORD", "acme/mail set --from mail.json", "acme/mail edit")
	c.Flags().StringSliceVar(&f.unset, "unset", nil, "with set: take away what is at a key; can be given several times")
	c.Flags().StringVar(&f.from, "from", "", "with set: take the whole configuration from a JSON file; - is standard input")
	return c
}

// configVerb does what args say, once.
func (u user) configVerb(c *cobra.Command, h *plugstead.Host, args []string, f configFlags) (cmdline.Outcome, error) {
	r, text, err := installedConfig(c, h, args[0])
	if err != nil {
		return cmdline.Outcome{}, err
	}
	verb, words := "get", args[1:]
	if len(words) > 0 {
		verb, words = words[0], words[1:]
	}
	switch {
	case verb != "set" && (len(f.unset) > 0 || f.from != ""):
	case verb == "get" && len(words) <= 1:
		return showConfig(h, r.ID, text, words)
	case verb == "set" && len(words)+len(f.unset) > 0 != (f.from != ""):
		return setConfig(c, h, r, text, words, f)
	case verb == "edit" && len(words) == 0:
		return editConfig(c, h, r, text)
	}
	return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "want get, set or edit behind the name of the plugin")
}

// installedConfig finds a plugin and its configuration.
func installedConfig(c *cobra.Command, h *plugstead.Host, name string) (install.Record, string, error) {
	id, err := manifest.ParseID(name)
	if err != nil {
		return install.Record{}, "", cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
	}
	g, err := h.Installed()
	if err != nil {
		return install.Record{}, "", err
	}
	r, ok := g.Find(id)
	if !ok {
		return install.Record{}, "", fmt.Errorf("%s: %w", id, update.ErrNotInstalled)
	}
	return r, g.Config(id), nil
}

func showConfig(h *plugstead.Host, id manifest.ID, text string, words []string) (cmdline.Outcome, error) {
	object, err := parsed(text)
	if err != nil {
		return cmdline.Outcome{}, err
	}
	var v any = object
	if len(words) > 0 {
		var ok bool
		if v, ok = config.Get(object, words[0]); !ok {
			return cmdline.Outcome{}, cmdline.New("E0316", "", "%s: nothing is configured at %.200q", id, words[0])
		}
	}
	g, err := h.Installed()
	if err != nil {
		return cmdline.Outcome{}, err
	}
	return cmdline.Outcome{Result: configured{id, g.Number, v}, Text: func(w io.Writer) { _ = cmdline.WriteJSON(w, v, "  ") }}, nil
}

// parsed reads what is stored; nothing is an empty object.
func parsed(text string) (map[string]any, error) {
	if text == "" {
		return map[string]any{}, nil
	}
	return config.Parse([]byte(text))
}

func setConfig(c *cobra.Command, h *plugstead.Host, r install.Record, text string, words []string, f configFlags) (cmdline.Outcome, error) {
	object, err := parsed(text)
	if f.from != "" {
		object, err = readConfig(c, f.from)
	}
	if err != nil {
		return cmdline.Outcome{}, cmdline.New("E0316", "", "%w", err)
	}
	for _, key := range f.unset {
		if err := config.Unset(object, key); err != nil {
			return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
		}
	}
	for _, word := range words {
		if err := setOne(r.Manifest, object, word); err != nil {
			return cmdline.Outcome{}, cmdline.New("E0001", c.CommandPath()+" --help", "%w", err)
		}
	}
	return storeConfig(c, h, r, text, object)
}

func readConfig(c *cobra.Command, name string) (map[string]any, error) {
	var b []byte
	var err error
	if name == "-" {
		b, err = io.ReadAll(io.LimitReader(c.InOrStdin(), config.MaxSize+1))
	} else {
		b, err = readFile(name)
	}
	if err != nil {
		return nil, err
	}
	return config.Parse(b)
}

// setOne puts KEY=VALUE into object.
func setOne(m *manifest.Manifest, object map[string]any, word string) error {
	key, value, ok := strings.Cut(word, "=")
	if !ok {
		return fmt.Errorf("%.200q: want KEY=VALUE", word)
	}
	if ref, isRef := strings.CutPrefix(value, "@"); isRef {
		r, err := config.ParseRef(ref)
		if err != nil {
			return err
		}
		return config.Set(object, key, r.Value())
	}
	v := schema.Value(m, key, value)
	if _, text := v.(string); !text {
		if err := strictjson.Check([]byte(value), strictjson.Limits{Size: config.MaxSize}); err != nil {
			return fmt.Errorf("%.200s: %w", key, err)
		}
	}
	return config.Set(object, key, v)
}

// storeConfig checks and stores object.
func storeConfig(c *cobra.Command, h *plugstead.Host, r install.Record, before string, object map[string]any) (cmdline.Outcome, error) {
	text := ""
	if len(object) > 0 {
		var err error
		if text, err = config.Text(object); err != nil {
			return cmdline.Outcome{}, cmdline.New("E0316", "", "%w", err)
		}
		if err := schema.Check(r.Manifest, text); err != nil {
			return cmdline.Outcome{}, unfit(c, r.ID, err)
		}
	}
	if err := h.ConfigureFrom(c.Context(), string(r.ID), before, text); err != nil {
		return cmdline.Outcome{}, err
	}
	g, err := h.Installed()
	if err != nil {
		return cmdline.Outcome{}, err
	}
	changed := g.Config(r.ID) != before
	return cmdline.Outcome{Changed: changed, Result: configured{r.ID, g.Number, object}, Text: func(w io.Writer) {
		if !changed {
			fmt.Fprintln(w, "nothing to do")
			return
		}
		fmt.Fprintf(w, "configured %s\ngeneration %d; undo with: %s\n", r.ID, g.Number, cmdline.Again(c, "rollback"))
	}}, nil
}

// unfit gives what is wrong with a configuration its code.
func unfit(c *cobra.Command, id manifest.ID, err error) error {
	return cmdline.New("E0316", fmt.Sprintf("%s config %s get shows what it is now, which stays", cmdline.Program(c), id), "%w", err)
}

// keepFile makes a file that only this user can read.
func keepFile(dir, text string) (string, error) {
	f, err := os.CreateTemp(dir, "config-*.json")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return f.Name(), err
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/internal/wireconfig"
	"github.com/plugstead/plugstead/manifest"
)

func callCommand(flags *hostFlags) *cobra.Command {
	var input string
	c := &cobra.Command{
		Use: "call NAME POINT.METHOD", Short: "Call one method of an installed plugin",
		Long: "Start the installed plugins, call one method with a JSON request and print the answer as JSON.\n\nEffect: runs plugins; changes nothing.",
		Args: cmdline.Args(cobra.ExactArgs(2)),
		RunE: cmdline.Run(func(c *cobra.Command, args []string) (o cmdline.Outcome, err error) {
			id, err := manifest.ParseID(args[0])
			if err != nil {
				return o, usage(c, "%w", err)
			}
			if _, err := wireconfig.Encode(json.RawMessage(input), contract.CBOR); err != nil {
				return o, usage(c, "--input: %w", err)
			}
			h, done, err := flags.openWith(c, plugstead.DefaultDrivers())
			if err != nil {
				return o, err
			}
			defer func() { err = errors.Join(err, done()) }()
			resp, err := call(c, h, id, args[1], input)
			if err != nil {
				return o, err
			}
			return cmdline.Outcome{Result: resp, Text: func(w io.Writer) { _ = cmdline.WriteJSON(w, resp, "  ") }}, nil
		}),
	}
	cmdline.Examples(c, `acme/hello acme.dev/greeter.Greet --input '{"name":"Ada"}'`)
	c.Flags().StringVar(&input, "input", "{}", "request as JSON")
	return c
}

func call(c *cobra.Command, h *plugstead.Host, id manifest.ID, method, input string) (any, error) {
	callee, err := calleeOf(h, id)
	if err != nil {
		return nil, err
	}
	m, err := relay(callee, method)
	if err != nil {
		return nil, usage(c, "%w", err)
	}
	if err := h.Start(c.Context()); err != nil {
		return nil, cmdline.New("E0702", startHint(c, id, err), "%w", err)
	}
	p := h.Plugin(id)
	if p == nil {
		if _, err := calleeOf(h, id); err != nil {
			return nil, err
		}
		return nil, cmdline.New("E0702", "look at what the plugin wrote above", "%s is not running", id)
	}
	return invoke(c.Context(), p, m, json.RawMessage(input))
}

// invoke calls a method with JSON. A plugin that speaks JSON itself says so when it is offered
// something else, before anything is sent.
func invoke(ctx context.Context, p contract.Caller, m *contract.Method, input json.RawMessage) (any, error) {
	req, err := wireconfig.Encode(input, contract.CBOR)
	if err != nil {
		return nil, err
	}
	out := contract.Raw{}
	err = p.Invoke(ctx, m, &contract.Raw{Codec: contract.CBOR.Name(), Bytes: req}, &out)
	if e, ok := errors.AsType[*contract.Error](err); ok && e.Reason == contract.ReasonMismatch {
		err = p.Invoke(ctx, m, &contract.Raw{Codec: contract.JSON.Name(), Bytes: input}, &out)
	}
	if err != nil {
		return nil, err
	}
	v, err := answer(out)
	if err != nil {
		return nil, fmt.Errorf("answer of %s: %w", m.Path(), err)
	}
	return v, nil
}

// calleeOf returns what is known of a plugin that is installed or overridden.
func calleeOf(h *plugstead.Host, id manifest.ID) (*manifest.Manifest, error) {
	g, err := h.Installed()
	if err != nil {
		return nil, err
	}
	list, err := h.Overrides()
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		if o.ID == id && o.Err != nil {
			return nil, o.Err
		} else if o.ID == id {
			return o.Manifest, nil
		}
	}
	if r, ok := g.Find(id); ok {
		return r.Manifest, nil
	}
	return nil, cmdline.New("E0301", "plugstead install "+string(id), "%s is not installed", id)
}

// startHint says what helps a plugin that did not start.
func startHint(c *cobra.Command, id manifest.ID, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cmdline.Program(c) + " install " + string(id) // brings lost files back
	case errors.Is(err, fs.ErrPermission):
		return "run this as the user who owns the installation folder"
	}
	return "look at what the plugin wrote above"
}

// answer turns what a plugin sent into what JSON can hold, or says why it cannot:
// JSON has no word for NaN, for example.
func answer(r contract.Raw) (any, error) {
	codec := contract.CBOR
	if r.Codec == contract.JSON.Name() {
		codec = contract.JSON
	}
	var v any
	if err := codec.Decode(r.Bytes, &v); err != nil {
		return nil, err
	}
	v = jsonValue(v)
	if _, err := json.Marshal(v); err != nil {
		return nil, err
	}
	return v, nil
}

// relay finds the method that POINT.METHOD names among what a plugin provides.
func relay(m *manifest.Manifest, name string) (*contract.Method, error) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 || strings.Contains(name[i:], "/") {
		return nil, fmt.Errorf("method %q: want POINT.METHOD, for example acme.dev/greeter.Greet", name)
	}
	for _, p := range m.Provides {
		if p.ID == name[:i] {
			return contract.Relay(fmt.Sprintf("/%s.v%d/%s", p.ID, p.Major, name[i+1:]), contract.KindUnary, p.Minor, 0)
		}
	}
	return nil, fmt.Errorf("%s does not provide %s", m.ID, name[:i])
}

// jsonValue turns decoded CBOR into what JSON can hold.
func jsonValue(v any) any {
	switch x := v.(type) {
	case map[any]any:
		out := map[string]any{}
		for k, y := range x {
			out[fmt.Sprint(k)] = jsonValue(y)
		}
		return out
	case []any:
		for i := range x {
			x[i] = jsonValue(x[i])
		}
	}
	return v
}

package manifest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/plugstead/plugstead/version"
)

// MaxYAML is the size of a plugin.yaml in bytes.
const MaxYAML = 256 << 10

// maxKey is the length of a key in bytes; no valid one is longer.
const maxKey = maxPoint

// ParseYAML reads a plugin.yaml; file names it in errors. It returns [Errors], one
// for each mistake, with line, column and the nearest known key.
func ParseYAML(file string, b []byte) (*Manifest, error) {
	root, err := parseNode(file, b)
	if err != nil {
		return nil, err
	}
	d := &yamlDecoder{validator: validator{file: file}, lines: map[string]*yaml.Node{}}
	d.at = d.position
	m := d.manifest(root)
	if len(d.errs) == 0 {
		d.validator.manifest(m)
	}
	if err := d.errs.result(); err != nil {
		return nil, err
	}
	m.sortLists()
	return m, nil
}

// parseNode reads one document that is a mapping without anchors.
func parseNode(file string, b []byte) (*yaml.Node, error) {
	fail := func(n *yaml.Node, format string, args ...any) error {
		e := &Error{File: file, Msg: fmt.Sprintf(format, args...)}
		if n != nil {
			e.Line, e.Column = n.Line, n.Column
		}
		return Errors{e}
	}
	if len(b) > MaxYAML {
		return nil, fail(nil, "%d bytes, more than the limit of %d", len(b), MaxYAML)
	}
	d := yaml.NewDecoder(strings.NewReader(string(b)))
	var doc, more yaml.Node
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fail(nil, "empty file")
		}
		return nil, syntaxError(file, err)
	}
	if err := d.Decode(&more); err != nil && !errors.Is(err, io.EOF) {
		return nil, syntaxError(file, err)
	} else if err == nil {
		return nil, fail(&more, "more than one document")
	}
	root := doc.Content[0]
	if n, what := findForbidden(root); n != nil {
		return nil, fail(n, "%s are not allowed", what)
	}
	if root.Kind != yaml.MappingNode {
		return nil, fail(root, "want keys and values, for example id: acme/hello")
	}
	return root, nil
}

// countsFromZero are the messages in which the YAML reader is a line behind: those of
// its parser, not of its scanner.
var countsFromZero = []string{
	"did not find expected node content", "did not find expected key", "did not find expected '-' indicator",
	"did not find expected ',' or ']'", "did not find expected ',' or '}'", "did not find expected <document start>",
}

// syntaxError finds the line that the message of the YAML reader begins with.
func syntaxError(file string, err error) error {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	e := &Error{File: file, Msg: msg, cause: err}
	if line, rest, ok := strings.Cut(strings.TrimPrefix(msg, "line "), ": "); ok && line != msg {
		if n, err := strconv.Atoi(line); err == nil {
			e.Line, e.Column, e.Msg = n, 1, rest
			if slices.Contains(countsFromZero, rest) {
				e.Line++
			}
		}
	}
	return Errors{e}
}

// findForbidden finds what makes a text mean something else than it says. The
// reader has bounded the depth.
func findForbidden(n *yaml.Node) (at *yaml.Node, what string) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return n, "anchors and aliases"
	case n.Style&yaml.TaggedStyle != 0:
		return n, "tags"
	}
	for _, c := range n.Content {
		if at, what = findForbidden(c); at != nil {
			return at, what
		}
	}
	return nil, ""
}

type yamlDecoder struct {
	validator
	lines map[string]*yaml.Node // key path to its key node
}

// position finds the nearest enclosing key that is written down.
func (d *yamlDecoder) position(key string) (line, column int) {
	for {
		if n, ok := d.lines[key]; ok {
			return n.Line, n.Column
		}
		i := strings.LastIndexByte(key, '.')
		if i < 0 {
			return 0, 0
		}
		key = key[:i]
	}
}

// pairs walks a mapping. With known it refuses other keys.
func (d *yamlDecoder) pairs(path string, n *yaml.Node, known []string, each func(key string, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.wrong(path, n, "want keys and values")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content) && !d.errs.full(); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		at := k.Value
		if path != "" {
			at = path + "." + k.Value
		}
		d.lines[at] = k
		switch {
		case k.Kind != yaml.ScalarNode:
			d.wrong(path, k, "a key must be a text")
		case len(k.Value) > maxKey:
			d.wrong(path, k, "a key of %d bytes, more than the limit of %d", len(k.Value), maxKey)
		case seen[k.Value]:
			d.wrong(at, k, "key twice")
		case known != nil && !slices.Contains(known, k.Value):
			d.add(at, nearest(k.Value, known), "unknown key")
		default:
			each(k.Value, v)
		}
		seen[k.Value] = true
	}
}

func (d *yamlDecoder) wrong(path string, n *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, &Error{File: d.file, Line: n.Line, Column: n.Column, Key: path, Msg: fmt.Sprintf(format, args...)})
}

// text returns a scalar as it is written: 1.10 stays 1.10.
func (d *yamlDecoder) text(path string, n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.wrong(path, n, "want a text")
		return ""
	}
	return n.Value
}

func (d *yamlDecoder) texts(path string, n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode {
		d.wrong(path, n, "want a list")
		return nil
	}
	var out []string
	if len(n.Content) > MaxList {
		d.wrong(path, n, "%d entries, more than the limit of %d", len(n.Content), MaxList)
		return nil
	}
	for _, c := range n.Content {
		out = append(out, d.text(path, c))
	}
	return out
}

func (d *yamlDecoder) bool(path string, n *yaml.Node) bool {
	if n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
		d.wrong(path, n, "want true or false")
	}
	return n.Value == "true"
}

func (d *yamlDecoder) number(path string, n *yaml.Node) int {
	i, err := smallNumber(n.Value)
	if n.Tag != "!!int" || err != nil {
		d.wrong(path, n, "want a number from 0 to 9999")
	}
	return i
}

func (d *yamlDecoder) rng(path string, n *yaml.Node) version.Range {
	r, err := version.ParseRange(d.text(path, n))
	if err != nil {
		d.wrong(path, n, "%v", err)
	}
	return r
}

// keys of plugin.yaml, by the path of the mapping they stand in. The JSON schema in
// docs/spec/plugin.schema.json says the same; a test compares them.
var keys = map[string][]string{
	"": {
		"id", "version", "summary", "license", "keywords", "links", "provides", "host", "requires",
		"any_of", "conflicts", "offers", "runtimes", "files", "capabilities", "config", "state", "hooks", "build",
	},
	"links":            linkKinds,
	"requires.*":       {"range", "optional", "init"},
	"runtimes":         PackageRuntimes(),
	"runtimes.wasm":    {"module"},
	"runtimes.process": {"platforms"},
	"runtimes.command": {"script", "platforms"},
	"runtimes.files":   {"folder"},
	"state":            {"version", "exclusive"},
	"hooks.*":          {"priority", "before", "after"},
}

func (d *yamlDecoder) manifest(root *yaml.Node) *Manifest {
	m := new(Manifest)
	d.pairs("", root, keys[""], func(k string, v *yaml.Node) {
		switch k {
		case "id":
			m.ID = ID(d.text(k, v))
		case "version":
			m.Version = d.version(k, v)
		case "build":
			m.Build = d.text(k, v)
		case "summary":
			m.Summary = d.text(k, v)
		case "license":
			m.License = d.text(k, v)
		case "keywords":
			m.Keywords = d.texts(k, v)
		case "links":
			m.Links = d.links(k, v)
		case "provides":
			m.Provides = d.provides(k, v)
		case "host":
			m.Host = d.host(k, v)
		case "requires":
			m.Requires = d.needs(k, v, true)
		case "any_of":
			m.AnyOf = d.anyOf(k, v)
		case "conflicts":
			m.Conflicts = d.needs(k, v, false)
		case "offers":
			m.Offers = d.offers(k, v)
		case "runtimes":
			m.Runtimes = d.runtimes(k, v)
		case "files":
			m.Files = d.texts(k, v)
		case "capabilities":
			for _, c := range d.texts(k, v) {
				m.Capabilities = append(m.Capabilities, Capability(c))
			}
		case "config":
			m.Config = d.text(k, v)
		case "state":
			m.State = d.state(k, v)
		case "hooks":
			m.Hooks = d.hooks(k, v)
		}
	})
	return m
}

func (d *yamlDecoder) version(path string, n *yaml.Node) version.Version {
	v, err := version.Parse(d.text(path, n))
	if err != nil {
		d.wrong(path, n, "%v", err)
	}
	return v
}

func (d *yamlDecoder) state(path string, n *yaml.Node) (s State) {
	d.pairs(path, n, keys[path], func(k string, v *yaml.Node) {
		switch k {
		case "version":
			s.Version = d.number("state.version", v)
		case "exclusive":
			s.Exclusive = d.bool("state.exclusive", v)
		}
	})
	return s
}

func (d *yamlDecoder) links(path string, n *yaml.Node) map[string]string {
	out := map[string]string{}
	d.pairs(path, n, keys[path], func(k string, v *yaml.Node) { out[k] = d.text(path+"."+k, v) })
	return out
}

func (d *yamlDecoder) provides(path string, n *yaml.Node) []PointRef {
	var out []PointRef
	d.pairs(path, n, nil, func(k string, v *yaml.Node) {
		p, err := NewPointRef(k, d.text(path+"."+k, v))
		if err != nil {
			d.wrong(path+"."+k, v, "%v", err)
		}
		out = append(out, p)
	})
	return out
}

func (d *yamlDecoder) host(path string, n *yaml.Node) map[string]version.Range {
	out := map[string]version.Range{}
	d.pairs(path, n, nil, func(k string, v *yaml.Node) { out[k] = d.rng(path+"."+k, v) })
	return out
}

func (d *yamlDecoder) runtimes(path string, n *yaml.Node) Runtimes {
	var r Runtimes
	d.pairs(path, n, keys[path], func(k string, v *yaml.Node) {
		switch at := path + "." + k; k {
		case RuntimeWasm:
			r.Wasm = new(WasmRuntime)
			d.pairs(at, v, keys[at], func(_ string, v *yaml.Node) { r.Wasm.Module = d.text(at+".module", v) })
		case RuntimeProcess:
			r.Process = &ProcessRuntime{Platforms: map[string]string{}}
			d.pairs(at, v, keys[at], func(_ string, v *yaml.Node) { r.Process.Platforms = d.platforms(at+".platforms", v) })
		case RuntimeCommand:
			r.Command = d.command(at, v)
		case RuntimeFiles:
			r.Files = new(FilesRuntime)
			d.pairs(at, v, keys[at], func(_ string, v *yaml.Node) { r.Files.Folder = d.text(at+".folder", v) })
		}
	})
	return r
}

func (d *yamlDecoder) command(path string, n *yaml.Node) *CommandRuntime {
	c := new(CommandRuntime)
	d.pairs(path, n, keys[path], func(k string, v *yaml.Node) {
		if k == "script" {
			c.Script = d.text(path+".script", v)
			return
		}
		c.Platforms = d.platforms(path+".platforms", v)
	})
	return c
}

// platforms reads programs by platform. It never returns nil.
func (d *yamlDecoder) platforms(path string, n *yaml.Node) map[string]string {
	out := map[string]string{}
	d.pairs(path, n, nil, func(k string, v *yaml.Node) { out[k] = d.text(path+"."+k, v) })
	return out
}

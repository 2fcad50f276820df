package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/internal/strictjson"
	"github.com/plugstead/plugstead/version"
)

// Names of runtimes, as plugin.yaml writes them. Inproc is no runtime of packages:
// such plugins are linked into the application.
const (
	RuntimeProcess = "process"
	RuntimeWasm    = "wasm"
	RuntimeCommand = "command"
	RuntimeFiles   = "files"
	RuntimeInproc  = "inproc"
)

// PackageRuntimes returns the runtimes that packages can have, the preferred one first:
// what shields an application best, then what answers fastest.
func PackageRuntimes() []string {
	return []string{RuntimeWasm, RuntimeProcess, RuntimeCommand, RuntimeFiles}
}

// MaxJSON is the size of a plugin.json in bytes.
const MaxJSON = 1 << 20

// Manifest is what a plugin says of itself.
type Manifest struct {
	ID           ID                       `json:"id"`
	Version      version.Version          `json:"version"`
	Summary      string                   `json:"summary,omitempty"`
	License      string                   `json:"license,omitempty"` // SPDX expression
	Keywords     []string                 `json:"keywords,omitempty"`
	Links        map[string]string        `json:"links,omitempty"`    // by kind: source, docs, homepage, issues, changelog
	Provides     []PointRef               `json:"provides,omitempty"` // sorted by id
	Host         map[string]version.Range `json:"host,omitempty"`     // application to range
	Requires     []Need                   `json:"requires,omitempty"` // sorted by id
	AnyOf        [][]Need                 `json:"any_of,omitempty"`   // one plugin of each list, the first one that can be had
	Conflicts    []Need                   `json:"conflicts,omitempty"`
	Offers       []Offer                  `json:"offers,omitempty"` // sorted by id
	Runtimes     Runtimes                 `json:"runtimes"`
	Files        []string                 `json:"files,omitempty"` // files and folders that go into every payload
	Capabilities []Capability             `json:"capabilities,omitempty"`
	Config       string                   `json:"config,omitempty"` // file with the JSON schema of the configuration
	State        State                    `json:"state,omitzero"`
	Hooks        []Hook                   `json:"hooks,omitempty"` // sorted by point
	// Built is written by pack, where it can run the plugin. Nil: not known.
	Built *Built `json:"built,omitempty"`
	// Build is the command that makes what Runtimes names, its words with spaces between
	// them; no shell reads it. It is for authors, stands in plugin.yaml only, and is not
	// published.
	Build string `json:"-"`
}

// Need is a plugin in a range of versions.
type Need struct {
	ID       ID            `json:"id"`
	Range    version.Range `json:"range"`
	Optional bool          `json:"optional,omitempty"` // holds if the plugin is there, does not ask for it
	Init     bool          `json:"init,omitempty"`     // must have started before, if it is there; such needs form no cycle
}

// Offer is a name that a plugin stands in for: who requires the name is served by it.
type Offer struct {
	ID      ID              `json:"id"`
	Version version.Version `json:"version"` // of what is offered, not of the plugin: MAJOR.MINOR.PATCH
}

// State describes the private data of a plugin.
type State struct {
	Version int `json:"version"` // changes when older code cannot read newer data
	// Exclusive says that only one instance at a time can hold what the plugin uses: the
	// running one is quiesced before another starts.
	Exclusive bool `json:"exclusive,omitempty"`
}

// Runtimes says how a plugin can run. At least one field is set.
type Runtimes struct {
	Process *ProcessRuntime `json:"process,omitempty"`
	Wasm    *WasmRuntime    `json:"wasm,omitempty"`
	Command *CommandRuntime `json:"command,omitempty"`
	Files   *FilesRuntime   `json:"files,omitempty"`
}

// ProcessRuntime is a program for each platform.
type ProcessRuntime struct {
	Platforms map[string]string `json:"platforms"` // "os/arch" to the path of the program
}

// WasmRuntime is one WebAssembly module.
type WasmRuntime struct {
	Module string `json:"module"` // path
}

// CommandRuntime is a program that runs once for each call: one for each platform, or a
// script for all of them. Exactly one of both is set.
type CommandRuntime struct {
	Script    string            `json:"script,omitempty"`    // path of a script that names its interpreter in its first line
	Platforms map[string]string `json:"platforms,omitempty"` // "os/arch" to the path of the program
}

// FilesRuntime is a folder that the application reads. Nothing in it is run.
type FilesRuntime struct {
	Folder string `json:"folder"` // path
}

// Names lists the runtimes that are set, sorted.
func (r Runtimes) Names() []string {
	var out []string
	for name, set := range map[string]bool{
		RuntimeCommand: r.Command != nil, RuntimeFiles: r.Files != nil, RuntimeProcess: r.Process != nil, RuntimeWasm: r.Wasm != nil,
	} {
		if set {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Entry returns the path that a runtime starts on a platform; for files it is that of the
// folder. A script and a folder have the platform [AnyPlatform].
func (r Runtimes) Entry(runtime string, p Platform) (path string, ok bool) {
	switch {
	case runtime == RuntimeProcess && r.Process != nil:
		path, ok = r.Process.Platforms[p.String()]
	case runtime == RuntimeWasm && r.Wasm != nil && p == WasmPlatform:
		path, ok = r.Wasm.Module, true
	case runtime == RuntimeCommand && r.Command != nil && p == AnyPlatform:
		path, ok = r.Command.Script, r.Command.Script != ""
	case runtime == RuntimeCommand && r.Command != nil:
		path, ok = r.Command.Platforms[p.String()]
	case runtime == RuntimeFiles && r.Files != nil && p == AnyPlatform:
		path, ok = r.Files.Folder, true
	}
	return path, ok
}

// Platforms lists the platforms of all runtimes, sorted.
func (r Runtimes) Platforms() []Platform {
	var out []Platform
	if r.Process != nil {
		out = appendPlatforms(out, r.Process.Platforms)
	}
	if r.Wasm != nil {
		out = append(out, WasmPlatform)
	}
	if r.Command != nil {
		out = appendPlatforms(out, r.Command.Platforms)
	}
	if r.Files != nil || r.Command != nil && r.Command.Script != "" {
		out = append(out, AnyPlatform)
	}
	slices.SortFunc(out, func(a, b Platform) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(out)
}

func appendPlatforms(out []Platform, m map[string]string) []Platform {
	for s := range m {
		if p, err := ParsePlatform(s); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// Parse reads a plugin.json and validates it. Unknown, repeated and case-variant
// keys and null are errors. It returns an [*Error] if b is not of the form, [Errors]
// if it says something wrong.
func Parse(b []byte) (*Manifest, error) {
	m := new(Manifest)
	err := strictjson.Unmarshal(b, m, strictjson.Limits{Size: MaxJSON, Depth: 16, RefuseNull: true})
	if err == nil {
		err = rangesWritten(b)
	}
	if err != nil {
		return nil, &Error{File: "plugin.json", Msg: err.Error(), cause: err}
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// rangesWritten refuses a need without a range, which would read as every version.
func rangesWritten(b []byte) error {
	type needs = []struct{ Range *string }
	var m struct {
		Requires, Conflicts needs
		AnyOf               []needs `json:"any_of"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	for _, n := range slices.Concat(m.Requires, m.Conflicts, slices.Concat(m.AnyOf...)) {
		if n.Range == nil {
			return fmt.Errorf("requires, any_of and conflicts: %w: a range is missing", ErrSyntax)
		}
	}
	return nil
}

// JSON returns the canonical plugin.json: keys in the order of the fields, map
// keys sorted, no white space. Parse gives back an equal manifest.
func (m *Manifest) JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Equal reports whether m and n say the same.
func (m *Manifest) Equal(n *Manifest) bool {
	a, err1 := m.JSON()
	b, err2 := n.JSON()
	return err1 == nil && err2 == nil && bytes.Equal(a, b)
}

// sortLists puts lists whose order means nothing into a fixed one. That of any_of means
// something: in an entry, what stands first is preferred.
func (m *Manifest) sortLists() {
	slices.SortFunc(m.Provides, func(a, b PointRef) int { return strings.Compare(a.String(), b.String()) })
	byID := func(a, b Need) int { return strings.Compare(string(a.ID), string(b.ID)) }
	slices.SortFunc(m.Requires, byID)
	slices.SortFunc(m.Conflicts, byID)
	slices.SortFunc(m.Offers, func(a, b Offer) int { return strings.Compare(string(a.ID), string(b.ID)) })
}

// linkKinds are the keys of Manifest.Links.
var linkKinds = []string{"changelog", "docs", "homepage", "issues", "source"}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

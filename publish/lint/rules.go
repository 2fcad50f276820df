package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// rules are all rules, by id. A new one gets the next id, whatever it is about.
var rules = []Rule{
	{
		ID: "L001", Name: "schema", Severity: Error, check: schema,
		Reason: "The schema of the configuration is read by applications before they start the plugin.",
		Fix:    "write the file that config names as one JSON object",
	},
	{
		ID: "L002", Name: "summary", Severity: Warning, check: missing("summary", func(m *manifest.Manifest) bool { return m.Summary != "" }),
		Reason: "The summary is all that a search shows of a plugin beside its name.",
		Fix:    "say in one line what the plugin does: summary in plugin.yaml",
	},
	{
		ID: "L003", Name: "licence", Severity: Warning, check: missing("license", func(m *manifest.Manifest) bool { return m.License != "" }),
		Reason: "Without a licence nobody may use the plugin, and many organisations install nothing that does not name one.",
		Fix:    "name the licence as SPDX does, Apache-2.0 for example: license in plugin.yaml",
	},
	{
		ID: "L004", Name: "licence-text", Severity: Warning, check: licenseText,
		Reason: "Most licences want that their text comes with what they are for.",
		Fix:    "put the text of the licence into the file LICENSE beside plugin.yaml",
	},
	{
		ID: "L005", Name: "readme", Severity: Warning, check: readme,
		Reason: "The catalogue shows README.md on the page of the plugin; without it the page is empty.",
		Fix:    "write README.md beside plugin.yaml: what it does, how it is configured, one example",
	},
	{
		ID: "L006", Name: "source", Severity: Warning, check: missing("links.source", func(m *manifest.Manifest) bool { return m.Links["source"] != "" }),
		Reason: "Whoever wants to look into the plugin, or to report a mistake, does not know where.",
		Fix:    "name the address of the repository: links.source in plugin.yaml",
	},
	{
		ID: "L007", Name: "provides", Severity: Warning, check: missing("provides", func(m *manifest.Manifest) bool { return len(m.Provides) > 0 }),
		Reason: "An application finds plugins by the extension points that they provide; nobody calls one that provides none.",
		Fix:    `name the point and its version: provides: { acme.dev/greeter: "1.0" } in plugin.yaml`,
	},
	{
		ID: "L008", Name: "host", Severity: Warning, check: missing("host", func(m *manifest.Manifest) bool { return len(m.Host) > 0 }),
		Reason: "Without a range of versions the plugin is installed in every version of every application that has the point, also in those that come and change it.",
		Fix:    `name the application and its versions: host: { acme: ">=2 <3" } in plugin.yaml`,
	},
	{
		ID: "L009", Name: "host-bound", Severity: Warning, check: hostBound,
		Reason: "A range without an upper bound promises to work with versions that nobody has seen yet, and a published version cannot take that back.",
		Fix:    "bound the range by the next major version; a newer version of the plugin can widen it",
	},
	{
		ID: "L010", Name: "needs-bound", Severity: Warning, check: needsBound,
		Reason: "A plugin that is required in any version is installed in one that has changed what this one uses.",
		Fix:    "bound the range by the next major version: requires: { acme/store: ^1.2 } in plugin.yaml",
	},
	{
		ID: "L011", Name: "capability", Severity: Warning, check: capability,
		Reason: "Users see what a plugin asks for before they install it, and turn away from what asks for too much.",
		Fix:    "ask for the hosts, ports and folders that are needed and no others: capabilities in plugin.yaml",
	},
	{
		ID: "L012", Name: "one-platform", Severity: Warning, check: onePlatform,
		Reason: "Nobody with another system can install the plugin.",
		Fix:    "build the program for more platforms and name them under runtimes.process.platforms, or add the runtime wasm",
	},
	{
		ID: "L013", Name: "size", Severity: Warning, Payload: true, check: size,
		Reason: "Every user downloads the payload at every update.",
		Fix:    `link without debug information (go build -ldflags="-s -w"), and take out of files what is not needed at run time`,
	},
	{
		ID: "L014", Name: "secret", Severity: Error, Payload: true, check: secrets,
		Reason: "What was published stays readable for everybody for ever.",
		Fix:    "take the file out of the folder, and replace the secret where it is used: others may have read it",
	},
	{
		ID: "L015", Name: "entry", Severity: Error, Payload: true, check: entries,
		Reason: "The plugin cannot start where it says that it does.",
		Fix:    "build it for that platform (plugstead build), or take the platform out of plugin.yaml",
	},
	{
		ID: "L016", Name: "litter", Severity: Warning, Payload: true, check: litter,
		Reason: "Files of version control and of editors make every download larger and tell about the machine of the author.",
		Fix:    "name single files, or a folder that holds only what is needed, under files in plugin.yaml",
	},
}

// missing makes the check of a key that is not there.
func missing(key string, there func(*manifest.Manifest) bool) func(*subject) []string {
	return func(s *subject) []string {
		if there(s.Manifest) {
			return nil
		}
		return []string{"plugin.yaml has no " + key}
	}
}

func schema(s *subject) []string {
	name := s.Manifest.Config
	if name == "" {
		return nil
	}
	if err := CheckSchema(s.documents[name]); err != nil {
		return []string{fmt.Sprintf("%s: %v", name, err)}
	}
	return nil
}

func licenseText(s *subject) []string {
	if _, ok := s.Documents["LICENSE"]; ok || s.Manifest.License == "" {
		return nil
	}
	return []string{"the licence is " + s.Manifest.License + ", and there is no file LICENSE"}
}

func readme(s *subject) []string {
	switch doc, ok := s.Documents["README.md"]; {
	case !ok:
		return []string{"there is no README.md"}
	case doc.Size == 0:
		return []string{"README.md is empty"}
	}
	return nil
}

// far is a version that nobody has released.
var far = version.MustParse("999999.0.0")

func hostBound(s *subject) (out []string) {
	for _, app := range slices.Sorted(maps.Keys(s.Manifest.Host)) {
		if r := s.Manifest.Host[app]; r.Has(far) {
			out = append(out, fmt.Sprintf("host %s %s has no upper bound", app, r))
		}
	}
	return out
}

func needsBound(s *subject) (out []string) {
	for _, n := range slices.Concat(s.Manifest.Requires, slices.Concat(s.Manifest.AnyOf...)) {
		if n.Range.Has(far) {
			out = append(out, "the range of "+needName(n)+" has no upper bound")
		}
	}
	return out
}

func capability(s *subject) (out []string) {
	for _, c := range s.Manifest.Capabilities {
		kind, what, _ := strings.Cut(string(c), ":")
		switch {
		case kind == "net" && (strings.HasPrefix(what, "*.") || strings.HasSuffix(what, ":*")):
			out = append(out, "asks to "+c.Describe())
		case kind == "run" && slices.Contains([]string{"sh", "bash", "cmd", "powershell", "pwsh"}, what):
			out = append(out, "asks to "+c.Describe()+", which runs anything")
		}
	}
	return out
}

func onePlatform(s *subject) []string {
	list := s.Manifest.Runtimes.Platforms()
	if len(list) != 1 || list[0].Everywhere() {
		return nil
	}
	return []string{"runs on " + list[0].String() + " only"}
}

// largePayload is what makes users wait, in bytes as packed.
const largePayload = 64 << 20

func size(s *subject) (out []string) {
	for _, p := range s.payloads {
		if p.size > largePayload {
			out = append(out, fmt.Sprintf("the payload for %s has %d MiB", p.platform, p.size>>20))
		}
	}
	return out
}

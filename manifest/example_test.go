package manifest_test

import (
	"fmt"

	"github.com/plugstead/plugstead/manifest"
)

func ExampleParseYAML() {
	m, err := manifest.ParseYAML("plugin.yaml", []byte(`
id: acme/hello
version: 1.0.0
provides: { acme.dev/greeter: "1.2" }
runtimes: { wasm: { module: hello.wasm } }
capabilities: ["net:api.example.org:443"]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.ID, m.Version, m.Provides[0], m.Runtimes.Names())
	fmt.Println(m.Capabilities[0].Describe())
	// Output:
	// acme/hello 1.0.0 acme.dev/greeter@1.2 [wasm]
	// connect to api.example.org:443
}

func ExampleErrors() {
	_, err := manifest.ParseYAML("plugin.yaml", []byte("id: acme/hello\nversion: 1.10\nsumary: Says hello\n"))
	fmt.Println(err)
	// Output:
	// plugin.yaml:2:10: version: version "1.10": syntax error: want three numbers, MAJOR.MINOR.PATCH
	// plugin.yaml:3:1: sumary: unknown key; did you mean summary?
}

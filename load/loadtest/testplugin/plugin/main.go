// Plugin is package testplugin as a program and as a WebAssembly module.
package main

import (
	_ "github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/sdk"
)

func main() { sdk.Main() }

// Command main is the plugin of the benchmarks as a program.
package main

import (
	_ "github.com/plugstead/plugstead/internal/bench/plugin"
	"github.com/plugstead/plugstead/sdk"
)

func main() { sdk.Main() }

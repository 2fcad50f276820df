// Command plugin is the markdown plugin as a program of its own.
package main

import (
	"github.com/plugstead/plugstead/sdk"

	_ "markdown.example.org"
)

func main() { sdk.Main() }

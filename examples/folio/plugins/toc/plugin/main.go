// Command plugin is the toc plugin as a program of its own.
package main

import (
	"github.com/plugstead/plugstead/sdk"

	_ "toc.example.org"
)

func main() { sdk.Main() }

// Command plugin is acme/hello as a program of its own.
package main

import (
	"github.com/plugstead/plugstead/sdk"

	_ "hello.example.org/hello"
)

func main() { sdk.Main() }

// Command plugin is the wordcount plugin as a program of its own.
package main

import (
	"github.com/plugstead/plugstead/sdk"

	_ "wordcount.example.org"
)

func main() { sdk.Main() }

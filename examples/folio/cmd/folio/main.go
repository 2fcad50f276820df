// Command folio builds static sites with plugins.
package main

import (
	"os"

	"folio.example.org/site"
)

func main() { os.Exit(site.Main()) }

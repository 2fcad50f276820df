// Command linked is folio with the wordcount plugin built in: the same package that
// runs as a process or as WebAssembly elsewhere.
package main

import (
	"os"

	"folio.example.org/site"

	_ "wordcount.example.org" // linked in
)

func main() { os.Exit(site.Main()) }

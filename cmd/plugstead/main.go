// Command plugstead publishes, finds, installs and serves plugins.
package main

import (
	"os"

	"github.com/plugstead/plugstead/cmd/internal/cli"
	"github.com/plugstead/plugstead/internal/startheap"
)

func main() {
	startheap.Grow(startheap.OfCommand)
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

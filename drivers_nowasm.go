//go:build nowasm

package plugstead

import (
	"os"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/command"
	"github.com/plugstead/plugstead/load/files"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/load/process"
)

// defaultDrivers leaves out WebAssembly.
func defaultDrivers() []load.Driver {
	return []load.Driver{inproc.Driver{}, process.Driver{Attach: os.Getenv("PLUGSTEAD_ATTACH")}, command.Driver{}, files.Driver{}}
}

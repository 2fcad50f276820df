//go:build !nowasm

package plugstead

import (
	"os"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/command"
	"github.com/plugstead/plugstead/load/files"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/load/wasm"
)

// defaultDrivers prefers the runtime that shields the host best.
func defaultDrivers() []load.Driver {
	return []load.Driver{inproc.Driver{}, wasm.Driver{}, process.Driver{Attach: os.Getenv("PLUGSTEAD_ATTACH")}, command.Driver{}, files.Driver{}}
}

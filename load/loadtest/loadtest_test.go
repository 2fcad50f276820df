package loadtest_test

import (
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/command"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/load/loadtest"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/load/wasm"
	"github.com/plugstead/plugstead/manifest"
)

func TestMain(m *testing.M) { loadtest.Main(m) }

func image(runtime string) func(testing.TB, manifest.ID) load.Image {
	return func(t testing.TB, id manifest.ID) load.Image { return loadtest.Image(t, runtime, id) }
}

var targets = map[string]loadtest.Target{
	"inproc":  {Driver: inproc.Driver{}, Image: image(manifest.RuntimeInproc), Folder: true, Streams: true},
	"copies":  {Driver: inproc.Driver{Copy: true}, Image: image(manifest.RuntimeInproc), Copies: true, Folder: true, Streams: true},
	"process": {Driver: process.Driver{}, Image: image(manifest.RuntimeProcess), Apart: true, Folder: true, Ends: true, Streams: true},
	"wasm":    {Driver: wasm.Driver{}, Image: image(manifest.RuntimeWasm), Apart: true},
	"wasm2":   {Driver: wasm.Driver{Instances: 2}, Image: image(manifest.RuntimeWasm), Apart: true},
}

func TestInproc(t *testing.T)  { loadtest.Run(t, targets["inproc"]) }
func TestCopies(t *testing.T)  { loadtest.Run(t, targets["copies"]) }
func TestProcess(t *testing.T) { loadtest.Run(t, targets["process"]) }
func TestWasm(t *testing.T)    { loadtest.Run(t, targets["wasm"]) }

// TestCommand runs what a plugin can do that runs once for each call, and cannot call.
func TestCommand(t *testing.T) {
	x := loadtest.Target{Driver: command.Driver{}, Image: image(manifest.RuntimeCommand), Apart: true, Folder: true}
	loadtest.Run(t, x, "Prepare", "Messages", "BigMessages", "Concurrent", "Majors", "Errors", "Panics", "Deadline", "DefaultTimeout", "Close")
}

// TestWasmTwoInstances runs what a second instance could change.
func TestWasmTwoInstances(t *testing.T) {
	loadtest.Run(t, targets["wasm2"], "Concurrent", "Exit", "Deadline", "Reconfigure", "Quiesce", "Stop", "StopDrains", "StopTimeout")
}

// TestPeersAcross: a plugin calls another one whatever runtime each is in.
func TestPeersAcross(t *testing.T) {
	for from, x := range targets {
		for to, y := range targets {
			if from == to {
				continue
			}
			t.Run(from+" calls "+to, func(t *testing.T) {
				peer, err := y.Driver.Start(t.Context(), y.Image(t, testplugin.PeerID), load.Spec{})
				if err != nil {
					t.Fatal(err)
				}
				defer peer.Close()
				loadtest.RunPeer(t, x, func(id manifest.ID) contract.Caller {
					if id == testplugin.PeerID {
						return peer
					}
					return nil
				})
			})
		}
	}
}

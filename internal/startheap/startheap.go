// Package startheap lets short programs end before the first garbage collection.
package startheap

import (
	"os"
	"runtime"
	"runtime/debug"
)

// runtimeLeast is the heap, in bytes, at which the Go runtime collects first when its percentage is
// 100; it grows with the percentage.
const runtimeLeast = 4 << 20

// OfCommand is for a command line: most commands end before they have used that much.
const OfCommand = 128 << 20

// Grow puts the first garbage collection off until the heap of this program has about n bytes;
// from then on it is collected as if Grow had not been called. It does nothing if the environment
// variable GOGC is set. Call it once, first thing in main: libraries leave it alone.
func Grow(n int) {
	if os.Getenv("GOGC") != "" || n <= runtimeLeast {
		return
	}
	usual := debug.SetGCPercent(100 * (n / runtimeLeast))
	first := new([16]byte) // nobody holds it, so the first collection finds it
	runtime.AddCleanup(first, func(percent int) { debug.SetGCPercent(percent) }, usual)
}

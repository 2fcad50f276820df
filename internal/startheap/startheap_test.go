package startheap_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/plugstead/plugstead/internal/startheap"
)

// percent returns the percentage at present.
func percent() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

var sink []byte

func TestGrow(t *testing.T) {
	was := percent()
	t.Cleanup(func() { debug.SetGCPercent(was) })
	t.Setenv("GOGC", "100")
	startheap.Grow(64 << 20)
	if got := percent(); got != was {
		t.Errorf("with GOGC set: %d", got)
	}
	t.Setenv("GOGC", "")
	startheap.Grow(1)
	if got := percent(); got != was {
		t.Errorf("less than the runtime has: %d", got)
	}
	runtime.GC()
	startheap.Grow(64 << 20)
	if got := percent(); got != 1600 {
		t.Errorf("after Grow: %d", got)
	}
	runtime.GC()
	for percent() != was { // cleanups run in a goroutine of their own
		sink = make([]byte, 1<<20)
		runtime.Gosched()
	}
}

// TestFirstCollection: what is short makes no collection.
func TestFirstCollection(t *testing.T) {
	was := percent()
	t.Cleanup(func() { debug.SetGCPercent(was) })
	t.Setenv("GOGC", "")
	runtime.GC()
	startheap.Grow(256 << 20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 64 {
		sink = make([]byte, 1<<20)
	}
	runtime.ReadMemStats(&after)
	if after.NumGC != before.NumGC {
		t.Errorf("%d collections", after.NumGC-before.NumGC)
	}
	runtime.GC()
	for percent() != was {
		runtime.Gosched()
	}
}

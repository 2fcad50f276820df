//go:build linux

package process

import (
	"fmt"
	"os"
	"testing"

	"github.com/plugstead/plugstead/load"
)

// TestPID: the number is that of the program which works in the folder of the plugin.
func TestPID(t *testing.T) {
	in := start(t, "good", specOf(nil))
	p, ok := load.Instance(in).(load.Process)
	if !ok {
		t.Fatal("a process that does not tell its number")
	}
	at, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.PID()))
	if err != nil || at != in.child.cmd.Dir {
		t.Errorf("process %d works in %s, %v; want %s", p.PID(), at, err, in.child.cmd.Dir)
	}
}

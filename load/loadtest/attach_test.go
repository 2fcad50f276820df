//go:build unix

package loadtest_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/loadtest"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/load/process"
	"github.com/plugstead/plugstead/manifest"
)

// listening starts the test plugin as an author would in a debugger, and returns what the
// host is told of it and a function that ends it.
func listening(t *testing.T, id manifest.ID) (attach string, end func()) {
	t.Helper()
	im := loadtest.Image(t, manifest.RuntimeProcess, id)
	path := filepath.Join(t.TempDir(), "s")
	cmd := exec.Command(filepath.Join(im.Tree, "plugin.exe"))
	cmd.Env = []string{"PLUGSTEAD_LISTEN=" + path, "PLUGSTEAD_PLUGIN=" + string(id)}
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(end)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasSuffix(line, "at "+path+"\n") {
		t.Fatalf("%q, %v", line, err)
	}
	go io.Copy(io.Discard, out)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o177 != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	return string(id) + "=" + path, end
}

// TestAttached runs the suite with plugins that somebody else has started.
func TestAttached(t *testing.T) {
	plugin, _ := listening(t, testplugin.ID)
	peer, _ := listening(t, testplugin.PeerID)
	target := targets["process"]
	target.Driver = process.Driver{Attach: plugin + "," + peer}
	target.Image = func(t testing.TB, id manifest.ID) load.Image {
		im := loadtest.Image(t, manifest.RuntimeProcess, id)
		im.Tree = "" // nothing is read there
		return im
	}
	loadtest.Run(t, target,
		"Prepare", "Messages", "BigMessages", "Concurrent", "Offers", "Mismatch", "Errors", "Panics", "Deadline", "Cancel",
		"DefaultTimeout", "Config", "ConfigErrors", "Reconfigure", "HostService", "HostServiceWithinCall", "Peer", "Trace", "Log",
		"Health", "Quiesce", "Stop", "StopDrains", "StopTimeout", "Close", "Streams", "StreamErrors", "StreamEnds", "StreamFlow", "StreamsOutward")
}

// TestAttachedGoesAway: the end of the process ends the instance, and what it answers when
// nobody is there says so.
func TestAttachedGoesAway(t *testing.T) {
	attach, end := listening(t, testplugin.ID)
	d := process.Driver{Attach: attach}
	im := loadtest.Image(t, manifest.RuntimeProcess, testplugin.ID)
	in, err := d.Start(t.Context(), im, load.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if pid := in.(load.Process).PID(); pid != 0 {
		t.Errorf("process %d, which the host has not started", pid)
	}
	end()
	<-in.Done()
	if err := in.Err(); !errors.Is(err, contract.Unavailable) || !strings.Contains(err.Error(), "attached") {
		t.Error(err)
	}
	if _, err := probe.Tick.Call(t.Context(), in, probe.Tock{}); !errors.Is(err, contract.Unavailable) {
		t.Error(err)
	}
	if _, err := d.Start(t.Context(), im, load.Spec{}); !errors.Is(err, contract.Unavailable) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestAttachErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	im := loadtest.Image(t, manifest.RuntimeProcess, testplugin.ID)
	for attach, want := range map[string]error{
		"x": contract.InvalidArgument, "a/b=": contract.InvalidArgument, "a/b=rel": contract.InvalidArgument, ",": contract.InvalidArgument,
		"a/b=/x,,": contract.InvalidArgument, "A=/x": contract.InvalidArgument,
		testplugin.ID + "=" + file:           contract.Unavailable,
		testplugin.ID + "=" + file + ".none": contract.Unavailable,
	} {
		d := process.Driver{Attach: attach}
		if in, err := d.Start(t.Context(), im, load.Spec{}); !errors.Is(err, want) {
			t.Errorf("%s: %v", attach, err)
			if err == nil {
				in.Close()
			}
		}
		if err := d.Prepare(t.Context(), im); errors.Is(want, contract.InvalidArgument) && !errors.Is(err, want) {
			t.Errorf("%s: prepare: %v", attach, err)
		}
	}
	in, err := process.Driver{Attach: "other/plugin=/nowhere"}.Start(t.Context(), im, load.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
}

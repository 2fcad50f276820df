//go:build linux

package command

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/version"
)

// hostTree makes this test binary a host that calls the script in that folder.
const hostTree = "PLUGSTEAD_TEST_HOST_TREE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(hostTree); dir != "" {
		callFrom(dir)
		os.Exit(3) // it was to be killed
	}
	os.Exit(m.Run())
}

// callFrom calls a script, which does not answer.
func callFrom(dir string) {
	im := load.Image{Tree: dir, Manifest: &manifest.Manifest{
		ID: "acme/wc", Version: version.MustParse("1.0.0"), Provides: []manifest.PointRef{{ID: "acme.dev/count", Major: 1, Minor: 1}},
		Runtimes: manifest.Runtimes{Command: &manifest.CommandRuntime{Script: "run.sh"}},
	}}
	in, err := Driver{}.Start(context.Background(), im, load.Spec{DataDir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	_, err = words.Call(context.Background(), in, text{})
	fmt.Println("the call ended:", err)
}

// TestKilledHost: what a command has started does not outlive a host that is killed, not even
// what has left its process group.
func TestKilledHost(t *testing.T) {
	im := image(t, `#!/bin/sh
trap '' TERM HUP INT PIPE
(trap '' TERM HUP INT PIPE; while :; do sleep 1000; done) &
inside=$!
setsid sleep 1000 &
echo $$ $inside $! > "$PLUGSTEAD_DATA/here"
while :; do sleep 1000; done`)
	here := fifo(t, im.Tree, "here")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), hostTree+"="+im.Tree)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var fds []int
	for s := range strings.FieldsSeq(here.await(t)) {
		pid, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		fds = append(fds, fd)
	}
	if len(fds) != 3 {
		t.Fatal(fds)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err == nil {
		t.Error(line)
	}
	_ = cmd.Wait() // it was killed
	for _, fd := range fds {
		for {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if err == nil {
				break
			}
			if err != unix.EINTR {
				t.Fatal(err)
			}
		}
	}
}

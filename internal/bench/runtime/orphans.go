package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/plugstead/plugstead/internal/figures"
)

// doomedArg makes this program the host that is killed.
const doomedArg = "doomed"

// doomed is a host that runs plugins until it is killed.
func doomed(work string) error {
	set := newSet()
	if _, err := set.Put(context.Background(), processImage(work)); err != nil {
		return err
	}
	fmt.Println("ready")
	select {}
}

// orphans kills a host and counts the plugins that live a second later.
func orphans(work string) ([]figures.Target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, doomedArg, work)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	path := filepath.Join(work, "echo")
	before := len(running(path))
	err = errors.Join(err, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	begin := time.Now()
	for time.Since(begin) < time.Second && len(running(path)) > 0 {
		time.Sleep(time.Millisecond)
	}
	left := len(running(path))
	if err == nil && before != 1 {
		err = fmt.Errorf("%d plugins ran before the host was killed", before)
	}
	fmt.Printf("host killed: %d of %d plugins alive after %v\n\n", left, before, time.Since(begin).Round(time.Millisecond))
	return []figures.Target{{Name: "host-killed-plugins-alive", Value: float64(left)}}, err
}

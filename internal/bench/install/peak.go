package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// watchPeak looks at the largest resident size of a process until stop is closed, and
// returns the last it saw, in bytes. What the system says at the end of a process cannot
// be used: it counts the memory of its parent up to exec. 0 where there is no /proc.
func watchPeak(pid int, stop <-chan struct{}) int64 {
	every := time.NewTicker(5 * time.Millisecond)
	defer every.Stop()
	peak := int64(0)
	for {
		peak = max(peak, residentPeak(pid))
		select {
		case <-stop:
			return peak
		case <-every.C:
		}
	}
}

func residentPeak(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(b, []byte("VmHWM:"))
	if !ok {
		return 0
	}
	f := bytes.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(string(f[0]), 10, 64)
	return kib << 10
}

package author

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// leftTime is how long a process may take to end after the plugin has.
const leftTime = 2 * time.Second

// left reports processes that work in a folder or run a program of it, although nobody should
// any more.
func left(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, leftTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		list := processesIn(dir)
		if len(list) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("processes of the plugin are still there when it has stopped: %s", strings.Join(list, ", "))
		}
	}
}

// processesIn lists processes by number and name. One that cannot be looked at belongs to
// somebody else.
func processesIn(dir string) (out []string) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		at := filepath.Join("/proc", e.Name())
		if slices.ContainsFunc([]string{"cwd", "exe"}, func(link string) bool {
			to, err := os.Readlink(filepath.Join(at, link))
			return err == nil && (to == dir || strings.HasPrefix(to, dir+"/"))
		}) {
			name, _ := os.ReadFile(filepath.Join(at, "comm")) // gone meanwhile: nameless
			out = append(out, e.Name()+" "+strings.TrimSpace(string(name)))
		}
	}
	return out
}

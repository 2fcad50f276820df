package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/plugstead/plugstead/internal/figures"
)

// sizes builds stripped programs and compares them.
func sizes(repo, work string) ([]figures.Target, error) {
	here := filepath.Join(repo, "internal", "bench")
	size := map[string]float64{}
	for _, name := range []string{"bare", "host", "echo", "peer"} {
		out := filepath.Join(work, name)
		if name == "bare" || name == "host" {
			if err := goBuild(here, out, "./size/"+name); err != nil {
				return nil, err
			}
		}
		i, err := os.Stat(out)
		if err != nil {
			return nil, err
		}
		size[name] = float64(i.Size()) / (1 << 20)
	}
	fmt.Printf("stripped programs: net/http client %.1f MiB, host with all drivers %.1f MiB, plugin %.1f MiB, plugin with go-plugin %.1f MiB\n\n",
		size["bare"], size["host"], size["echo"], size["peer"])
	return []figures.Target{
		{Name: "host-binary-over-bare-client-MiB", Value: size["host"] - size["bare"], Bound: 6},
		{Name: "plugin-binary/go-plugin-binary", Value: size["echo"] / size["peer"], Bound: 1},
	}, nil
}

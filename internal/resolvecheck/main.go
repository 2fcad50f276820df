// Command resolvecheck solves neutral test cases through the public API of package
// resolve and prints one JSON line for each.
//
//	go run ./internal/resolvecheck FILE_OR_FOLDER...
//	go run ./internal/resolvecheck [--conflicts] --roots=all|latest|top:N|bundle:N UNIVERSE...
//
// Inputs are files of the forms rcase/1 and runiverse/1: see doc of package cases.
// A line has
//
//	name      of the case, or of the file
//	roots     how many problems were solved
//	sat       how many of them have a solution, and unsat how many have none
//	wrong     how many answers package resolvetest refuses: a solution that breaks
//	          something, a proof that does not hold
//	total_ms  the time of all solves, of the best of --runs runs over documents that
//	          are loaded; worst_ms that of the slowest solve in it
//
// and for a case also status, solution and expected.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	roots := flag.String("roots", "all", "which problems of a universe: all, latest, top:N, bundle:N")
	conflicts := flag.Bool("conflicts", false, "heed the conflicts of a universe")
	runs := flag.Int("runs", 5, "how often to solve; the best run counts")
	suggest := flag.Bool("suggest", false, "look for suggestions as well")
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	o := options{roots: *roots, conflicts: *conflicts, runs: *runs, suggest: *suggest}
	for _, arg := range flag.Args() {
		if err := each(arg, func(file string) error {
			line, err := check(file, o)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			return json.NewEncoder(os.Stdout).Encode(line)
		}); err != nil {
			fmt.Fprintln(os.Stderr, "resolvecheck:", err)
			os.Exit(1)
		}
	}
}

// each calls f for a file, or for the JSON files of a folder.
func each(path string, f func(file string) error) error {
	if st, err := os.Stat(path); err != nil || !st.IsDir() {
		return f(path)
	}
	files, err := filepath.Glob(filepath.Join(path, "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := f(file); err != nil {
			return err
		}
	}
	return nil
}

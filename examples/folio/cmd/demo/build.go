package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// minPages is how many pages make a site worth building.
const minPages = 20

// collect gathers Markdown files: the project's own and the READMEs of its
// dependencies in the module cache.
func (d *demo) collect(ctx context.Context) (string, error) {
	d.docs = d.path("docs")
	names := map[string]bool{}
	add := func(from, as string) error {
		names[as] = true
		return copyFile(from, filepath.Join(d.docs, as))
	}
	for _, dir := range []string{"docs", "."} {
		err := filepath.WalkDir(filepath.Join(d.repo, dir), func(p string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(d.repo, p)
			switch {
			case err != nil:
				return err
			case e.IsDir() && dir == "." && rel != ".":
				return fs.SkipDir
			case filepath.Ext(p) == ".md":
				return add(p, filepath.Join("project", rel))
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	own := len(names)
	for _, module := range []string{".", "cmd"} {
		cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}}\t{{.Dir}}", "all")
		cmd.Dir = filepath.Join(d.repo, module)
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("go list: %w", err)
		}
		for line := range strings.Lines(string(out)) {
			path, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
			readme := filepath.Join(dir, "README.md")
			if _, err := os.Stat(readme); dir == "" || strings.HasPrefix(path, "github.com/plugstead/") || err != nil {
				continue
			}
			if err := add(readme, filepath.Join("modules", filepath.FromSlash(path), "README.md")); err != nil {
				return "", err
			}
		}
	}
	if len(names) < minPages {
		return "", fmt.Errorf("only %d documents", len(names))
	}
	return fmt.Sprintf("%d of the project, %d of its dependencies", own, len(names)-own), nil
}

func (d *demo) build(out string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		said, err := d.command(ctx, "folio", "build", d.docs, d.path(out))
		if err != nil {
			return "", err
		}
		pages, err := readTree(d.path(out))
		if err != nil {
			return "", err
		}
		if len(pages) < minPages || !strings.HasPrefix(said, fmt.Sprintf("%d pages", len(pages))) {
			return "", fmt.Errorf("%d pages; folio said %q", len(pages), said)
		}
		return fmt.Sprintf("%d pages", len(pages)), nil
	}
}

// readTree reads every file below dir.
func readTree(dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		out[filepath.ToSlash(rel)], err = os.ReadFile(p)
		return err
	})
	return out, err
}

var (
	contents = regexp.MustCompile(`(?s)<nav class="toc">(.*?)</nav>`)
	link     = regexp.MustCompile(`<a href="#([^"]*)">`)
)

// checkLinks looks for the target of every link in every table of contents.
func (d *demo) checkLinks(context.Context) (string, error) {
	pages, err := readTree(d.path("site1"))
	if err != nil {
		return "", err
	}
	links, tables := 0, 0
	for name, html := range pages {
		nav := contents.FindSubmatch(html)
		if nav == nil {
			continue
		}
		tables++
		for _, m := range link.FindAllSubmatch(nav[1], -1) {
			links++
			if !bytes.Contains(html, []byte(`id="`+string(m[1])+`"`)) {
				return "", fmt.Errorf("%s: nothing has the id %s", name, m[1])
			}
		}
	}
	if tables == 0 || links == 0 {
		return "", errors.New("no page has a table of contents")
	}
	return fmt.Sprintf("%d links on %d pages", links, tables), nil
}

// threeRuntimes builds one page with wordcount as WebAssembly, as a process and
// linked in, and compares the results.
func (d *demo) threeRuntimes(ctx context.Context) (string, error) {
	in := d.path("one")
	if err := copyFile(filepath.Join(d.repo, "README.md"), filepath.Join(in, "README.md")); err != nil {
		return "", err
	}
	var first []byte
	for _, runtime := range []string{"wasm", "process", "inproc"} {
		program, wishes := "folio", []string{"plugin", "install", "folio/toc", "folio/wordcount"}
		if runtime == "inproc" {
			program, wishes = "folio-linked", wishes[:3]
		}
		env := []string{"FOLIO_RUNTIME=" + runtime, "FOLIO_PLUGINS=" + d.path("plugins-"+runtime)}
		if _, err := d.commandEnv(ctx, env, program, wishes...); err != nil {
			return "", err
		}
		out := d.path("one-" + runtime)
		if _, err := d.commandEnv(ctx, env, program, "build", in, out); err != nil {
			return "", err
		}
		page, err := os.ReadFile(filepath.Join(out, "README.html"))
		if err != nil {
			return "", err
		}
		if !bytes.Contains(page, []byte(`<p class="wordcount">`)) {
			return "", fmt.Errorf("%s: the page has no word count", runtime)
		}
		if first == nil {
			first = page
		}
		if !bytes.Equal(page, first) {
			return "", fmt.Errorf("%s: the page differs from that of wasm", runtime)
		}
	}
	return "wordcount as wasm, process and inproc: equal pages", nil
}

// showChanges builds with the new version and counts the pages that differ.
func (d *demo) showChanges(ctx context.Context) (string, error) {
	if _, err := d.build("site2")(ctx); err != nil {
		return "", err
	}
	changed, same, err := d.diff("site1", "site2")
	if err == nil && changed == 0 {
		err = errors.New("the new version changed nothing")
	}
	return fmt.Sprintf("%d pages differ, %d are the same", changed, same), err
}

// compare builds after the rollback: every byte must be as before.
func (d *demo) compare(ctx context.Context) (string, error) {
	if _, err := d.build("site3")(ctx); err != nil {
		return "", err
	}
	changed, same, err := d.diff("site1", "site3")
	if err == nil && changed > 0 {
		err = fmt.Errorf("%d pages differ from the first build", changed)
	}
	return fmt.Sprintf("%d pages, equal to the last byte", same), err
}

func (d *demo) diff(a, b string) (changed, same int, err error) {
	x, err := readTree(d.path(a))
	if err != nil {
		return 0, 0, err
	}
	y, err := readTree(d.path(b))
	if err != nil {
		return 0, 0, err
	}
	if len(x) != len(y) {
		return 0, 0, fmt.Errorf("%d pages and %d pages", len(x), len(y))
	}
	for name := range x {
		if bytes.Equal(x[name], y[name]) {
			same++
		} else {
			changed++
		}
	}
	return changed, same, nil
}

package plugcobra

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/internal/cmdline"
	"github.com/plugstead/plugstead/internal/diskspace"
	"github.com/plugstead/plugstead/internal/private"
	"github.com/plugstead/plugstead/registry/dropin"
	"github.com/plugstead/plugstead/update"
)

const (
	leastSpace = 100 << 20        // bytes; less is worth a warning
	mostSkew   = time.Minute      // between this clock and that of a registry
	patience   = 20 * time.Second // for one registry
)

// folder looks at the installation folder and its lock.
func (x *exam) folder() {
	dir := x.h.Dir()
	err := private.Trusted(dir)
	if err == nil {
		err = private.Trusted(x.h.Store())
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.add("folder", statusOK, "", "%s is not there yet: nothing was ever installed", dir)
		return
	case err != nil:
		x.explain("folder", statusFail, fmt.Errorf("installation: %w", err))
	default:
		x.add("folder", statusOK, "", "%s", dir)
	}
	in, err := x.h.Inspect()
	switch {
	case errors.Is(err, fs.ErrPermission):
		x.add("lock", statusFail, "", "%v: run this as the user who owns the folder", err)
	case err != nil:
		x.explain("lock", statusFail, err)
	case in.Busy:
		x.add("lock", statusWarn, "", "another process is changing plugins")
		x.add("leftovers", statusSkip, "", "not known while plugins are changed")
	default:
		x.add("lock", statusOK, "", "no other process is changing plugins")
		if n := len(in.Leftovers); n > 0 {
			x.add("leftovers", statusWarn, cmdline.Again(x.c, "doctor --fix"), "%d of changes that were killed, %s for example", n, in.Leftovers[0])
		} else {
			x.add("leftovers", statusOK, "", "no change was killed")
		}
	}
}

// generations looks at the installed set and those before it.
func (x *exam) generations() {
	g, err := x.h.Installed()
	if err != nil {
		x.explain("active", statusFail, err)
	} else {
		x.add("active", statusOK, "", "generation %d, %s", g.Number, count(len(g.Records), "plugin"))
	}
	in, inErr := x.h.Inspect()
	if inErr != nil {
		return // said already
	}
	for _, b := range in.Broken {
		switch {
		case err != nil:
			x.add("generation", statusFail, moveAway(filepath.Join(x.h.Dir(), "generations")), "%v", b.Err)
		case b.Number > g.Number:
			x.add("generation", statusWarn, cmdline.Again(x.c, "history"), "%v; the one before it is active", b.Err)
		default:
			x.add("generation", statusWarn, cmdline.Again(x.c, "gc"), "%v; it is not needed any more", b.Err)
		}
	}
	if len(in.Broken) == 0 {
		x.add("generation", statusOK, "", "all can be read")
	}
}

// moveAway is what helps if no generation can be read: with none, everything can be
// installed again.
func moveAway(dir string) string {
	return "move " + dir + " to another place, then install the plugins again, or run sync with your lock file"
}

// plugins looks at the installed plugins: their files, and whether they start.
func (x *exam) plugins() {
	g, err := x.h.Installed()
	if err != nil {
		return // said already
	}
	found, err := x.h.Verify(x.ctx)
	if err != nil {
		x.explain("files", statusFail, err)
	}
	for _, f := range found {
		if f.Err != nil {
			x.add("files", statusFail, cmdline.Again(x.c, "verify --fix"), "%v", f.Err)
		}
	}
	if err == nil && damaged(found) == 0 {
		x.add("files", statusOK, "", "%s as installed", count(len(found), "plugin"))
	}
	aside, err := x.h.Aside()
	if err != nil {
		x.explain("fit", statusFail, err)
	}
	fits := true
	for _, a := range aside {
		if is[*update.OverrideError](a.Why) {
			continue // a check of their own
		}
		fits = false
		x.add("fit", statusFail, cmdline.Again(x.c, "update "+string(a.ID)), "%v", a.Why)
	}
	if err == nil && fits {
		x.add("fit", statusOK, "", "all plugins are for this version of the application and this platform")
	}
	x.held(g)
	x.overrides()
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// held lists the releases that did not start.
func (x *exam) held(g *plugstead.Generation) {
	for _, h := range g.Held {
		verb := "install"
		if _, installed := g.Find(h.ID); installed {
			verb = "update"
		}
		x.add("held", statusWarn, cmdline.Again(x.c, verb+" "+string(h.ID)+" --retry"),
			"%s %s is held back since %s: it did not start (%s)", h.ID, h.Version, h.Since.Format(time.DateOnly), h.Why)
	}
	if len(g.Held) == 0 {
		x.add("held", statusOK, "", "no release is held back")
	}
}

// space looks at the file system of the installation.
func (x *exam) space() {
	n, err := diskspace.Free(x.h.Dir())
	switch {
	case errors.Is(err, diskspace.ErrUnknown):
		x.add("space", statusSkip, "", "%v", err)
	case err != nil:
		x.explain("space", statusWarn, err)
	case n < leastSpace:
		x.add("space", statusWarn, cmdline.Again(x.c, "gc"), "only %s are free", bytesText(n))
	default:
		x.add("space", statusOK, "", "%s are free", bytesText(n))
	}
}

// cache looks at the folder of index documents. Everything works without it.
func (x *exam) cache() {
	dir := x.h.Cache()
	if dir == "" {
		x.add("cache", statusSkip, "", "no documents are kept")
		return
	}
	if !filepath.IsAbs(dir) {
		x.add("cache", statusWarn, "set "+plugstead.EnvCache+" to an absolute path", "%s is no absolute path and is not used", dir)
		return
	}
	info, err := os.Stat(dir)
	if err == nil {
		err = private.Check(dir)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.add("cache", statusOK, "", "%s is made when it is needed", dir)
	case errors.Is(err, private.ErrNotPrivate):
		x.add("cache", statusWarn, "remove it, or set "+plugstead.EnvCache+" to another folder", "not used: %v", err)
	case err != nil:
		x.explain("cache", statusWarn, err)
	case info.Mode().Perm()&0o300 != 0o300:
		x.add("cache", statusWarn, "chmod u+rwx "+dir, "nothing can be kept in %s", dir)
	default:
		x.add("cache", statusOK, "", "%s", dir)
	}
}

// sources asks each registry for something small.
func (x *exam) sources() {
	all := x.h.Sources()
	if all.Default == nil && len(all.Namespaces) == 0 {
		x.explain("registry", statusWarn, fmt.Errorf("%w: installed plugins run, and nothing can be installed", fetch.ErrNoSource))
		return
	}
	if all.Default != nil {
		x.source(all.Default)
	}
	for _, ns := range slices.Sorted(maps.Keys(all.Namespaces)) {
		x.source(all.Namespaces[ns])
	}
}

func (x *exam) source(s fetch.Source) {
	if m, ok := s.(fetch.Mirrored); ok {
		x.mirrors(m)
		return
	}
	x.ask("registry", statusFail, s)
}

// mirrors looks at all of them: one that answers is enough.
func (x *exam) mirrors(m fetch.Mirrored) {
	var silent []int // their places among the checks
	for _, s := range m.Sources {
		name := "mirror"
		if s.Identity() == m.Identity() {
			name = "registry"
		}
		at := len(x.checks)
		if x.ask(name, statusWarn, s); x.checks[at].Status == statusWarn {
			silent = append(silent, at)
		}
	}
	if len(silent) == len(m.Sources) {
		for _, at := range silent {
			x.checks[at].Status = statusFail
		}
	}
}

// ask asks one source for something small; bad is how bad it is if it does not answer.
func (x *exam) ask(name string, bad status, s fetch.Source) {
	far, remote := s.(fetch.Remote)
	switch {
	case !remote:
		x.here(name, s)
		return
	case x.offline:
		x.add(name, statusSkip, "", "%s is not asked", s.Identity())
		return
	}
	ctx, cancel := context.WithTimeout(x.ctx, patience)
	defer cancel()
	begin := time.Now()
	if _, err := far.Revision(ctx); err != nil {
		x.explain(name, bad, err)
		return
	}
	x.add(name, statusOK, "", "%s answers in %s", s.Identity(), time.Since(begin).Round(time.Millisecond))
	x.clock(ctx, s)
}

// here looks at a source on this machine. Of a drop-in folder every entry is looked at.
func (x *exam) here(name string, s fetch.Source) {
	f, ok := s.(*dropin.Folder)
	if !ok {
		x.add(name, statusOK, "", "%s", s.Identity())
		return
	}
	found, err := f.Scan(x.ctx)
	if err != nil {
		x.explain(name, statusFail, err)
		return
	}
	x.add(name, statusOK, "", "%s", s.Identity())
	for _, e := range found.Entries {
		if e.Err != nil {
			x.explain(name, statusWarn, e.Err)
		}
	}
}

// clock compares this clock with that of a source, if that has one. What is signed or
// must be some days old looks wrong to a clock that is.
func (x *exam) clock(ctx context.Context, s fetch.Source) {
	c, ok := s.(interface {
		Clock(context.Context) (time.Time, error)
	})
	if !ok {
		return
	}
	there, err := c.Clock(ctx)
	here := time.Now()
	switch skew := here.Sub(there).Round(time.Second); {
	case err != nil:
		x.explain("clock", statusWarn, err)
	case there.IsZero():
		x.add("clock", statusSkip, "", "%s does not tell the time", s.Identity())
	case skew > mostSkew:
		x.add("clock", statusWarn, "set the clock of this machine", "%s ahead of %s", skew, s.Identity())
	case skew < -mostSkew:
		x.add("clock", statusWarn, "set the clock of this machine", "%s behind %s", -skew, s.Identity())
	default:
		x.add("clock", statusOK, "", "as that of %s", s.Identity())
	}
}

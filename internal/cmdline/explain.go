package cmdline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/config"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/manifest"
	"github.com/plugstead/plugstead/publish"
	"github.com/plugstead/plugstead/registry"
	"github.com/plugstead/plugstead/registry/bundle"
	"github.com/plugstead/plugstead/registry/client"
	"github.com/plugstead/plugstead/registry/dropin"
	"github.com/plugstead/plugstead/registry/mirror"
	"github.com/plugstead/plugstead/registry/oci"
	"github.com/plugstead/plugstead/registry/static"
	"github.com/plugstead/plugstead/resolve"
	"github.com/plugstead/plugstead/store"
	"github.com/plugstead/plugstead/store/disk"
	"github.com/plugstead/plugstead/update"
	"github.com/plugstead/plugstead/verify"
)

// Error is an error as a command shows it: what went wrong with its cause, a hint
// that can be run or done, and a stable code.
type Error struct {
	Code Code
	Hint string // a command or an edit, or ""
	err  error
}

// New makes an error that knows its code.
func New(code Code, hint, format string, args ...any) *Error {
	return &Error{code, hint, fmt.Errorf(format, args...)}
}

// Error returns what went wrong, the hint and the code, one a line.
func (e *Error) Error() string {
	s := Printable(e.err.Error())
	if e.Hint != "" {
		s += "\nhint: " + Printable(e.Hint)
	}
	return s + "\ncode: " + string(e.Code)
}

// What returns what went wrong without hint and code.
func (e *Error) What() string { return Printable(e.err.Error()) }

// Unwrap returns the error below.
func (e *Error) Unwrap() error { return e.err }

// Exit returns the exit code.
func (e *Error) Exit() int { return Codes[e.Code].Exit }

// rule gives a class of errors its code and hint. %s in a hint is the program with
// the words before a verb, for example "plugstead" or "folio plugin".
type rule struct {
	is   error
	code Code
	hint string
}

// rules are tried in order: the more special class stands first.
var rules = []rule{
	{context.Canceled, "E0003", ""},
	{publish.ErrNoManifest, "E0102", "write a plugin.yaml there; docs/spec/manifest.md describes it"},
	{resolve.ErrLinked, "E0208", "remove it from the list: the program brings this plugin along"},
	{resolve.ErrBudget, "E0209", "ask for fewer plugins at a time, or for exact versions"},
	{update.ErrNotInstalled, "E0301", "%s list"},
	{update.ErrStale, "E0304", "run the command again"},
	{update.ErrOverrideFolder, "E0312", "name a folder with a plugin.yaml and the files that it names"},
	{config.ErrForm, "E0316", "docs/reference/config.md describes the form"},
	{config.ErrSecret, "E0316", "set the variable or write the file that the reference names, or change it: %s config"},
	{manifest.ErrMethods, "E0315", "install another version of the plugin, or of the application"},
	{install.ErrNoGeneration, "E0303", "%s history"},
	{install.ErrNotPrivate, "E0308", "take write permission from others (chmod go-w), or name another folder with --dir"},
	{update.ErrHeld, "E0307", "mend what kept it from starting, then run the command with --retry"},
	{install.ErrRunning, "E0310", "stop the application, then run the command again"},
	{install.ErrInstalled, "E0304", "run the command again"},
	{install.ErrTampered, "E0506", "%s verify --fix"},
	{install.ErrBroken, "E0306", "%s history"},
	{install.ErrBusy, "E0305", "wait for the other process, or give more time with --wait"},
	{fetch.ErrNoSource, "E0401", "set PLUGSTEAD_REGISTRY to the address of a registry or the path of a folder, or give --registry"},
	{fetch.ErrOffline, "E0408", "run the command once without --offline"},
	{fetch.ErrTooMuch, "E0209", "ask for fewer plugins at a time, or for exact versions"},
	{fetch.ErrNoSearch, "E0415", "name the plugin: %s info NAME"},
	{oci.ErrName, "E0001", "write oci://HOST/PREFIX in lower case, without user and query; oci+http:// for http"},
	{client.ErrAddress, "E0001", "write http:// or https:// before the host; for a folder write its path, with ./ before it"},
	{client.ErrLogin, "E0414", "docker login, with the host named above; or write the credentials to ~/.docker/config.json by hand"},
	{client.ErrUnauthorized, "E0403", "set PLUGSTEAD_TOKEN to a token of this registry"},
	{registry.ErrRemoved, "E0404", "raise the version in plugin.yaml: the number of a removed version is never free again"},
	{registry.ErrTooLate, "E0418", "%s yank"},
	{registry.ErrState, "E0419", "%s info NAME"},
	{registry.ErrBound, "E0404", "raise the version in plugin.yaml: published versions never change"},
	{verify.ErrMismatch, "E0502", "report this to the operator of the registry; nothing was installed"},
	{verify.ErrPolicy, "E0505", "ask whoever set the policy"},
	{artifact.ErrDigest, "E0501", "try again; if it stays, the registry or something on the way changes what it sends"},
	{artifact.ErrUnsafe, "E0503", "report this to the author of the plugin; nothing was installed"},
	{bundle.ErrBundle, "E0507", "copy the file again, or make it again with: bundle export"},
	{index.ErrAvailable, "E0508", "make the copy of the registry again"},
	{static.ErrNotTree, "E0410", "name a new or empty folder, or one that was written before"},
	{static.ErrForeign, "E0410", "name another folder: a folder takes a plugin from one registry only"},
	{static.ErrName, "E0410", "docs/spec/static.md says which names are possible"},
	{mirror.ErrCannotList, "E0411", "name the plugins to copy, or a folder as the source"},
	{mirror.ErrNothing, "E0412", "ask for another range or platform, or for the source that has it"},
	{index.ErrDocument, "E0504", "report this to the operator of the registry"},
	{client.ErrProtocol, "E0407", "check that PLUGSTEAD_REGISTRY is the address of a registry, with nothing behind it that does not belong there"},
	{client.ErrUnreachable, "E0402", "check the address in PLUGSTEAD_REGISTRY, then try again"},
	{dropin.ErrFolder, "E0406", "name a folder that plugins are dropped into"},
	{disk.ErrNotLayout, "E0406", "name a folder that pack or publish wrote to"},
	{index.ErrNotFound, "E0201", "%s search"},
}

// Explain turns any error into one that a command can show. program is what a user
// types before a verb. An error that has its code already is returned as it is.
func Explain(program string, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e := explainType(program, err); e != nil {
		return e
	}
	for _, r := range rules {
		if errors.Is(err, r.is) {
			return &Error{r.code, fill(r.hint, program), err}
		}
	}
	if e, ok := errors.AsType[*registry.Error](err); ok && e.Code != registry.CodeBlobUnknown && e.Code != registry.CodeManifestUnknown {
		return &Error{"E0405", "", err}
	}
	if _, ok := errors.AsType[*contract.Error](err); ok {
		return &Error{"E0701", "", err}
	}
	if errors.Is(err, store.ErrNotFound) {
		return &Error{"E0409", "make the copy of the registry again, or take another source", err}
	}
	return &Error{"E0000", "", err}
}

func fill(hint, program string) string { return strings.ReplaceAll(hint, "%s", program) }

func explainType(program string, err error) *Error {
	if e := explainOverride(program, err); e != nil {
		return e
	}
	if e := explainDropin(err); e != nil {
		return e
	}
	if e, ok := errors.AsType[*resolve.ChannelError](err); ok {
		return &Error{"E0215", program + " info " + string(e.ID), err}
	}
	if c, ok := errors.AsType[*resolve.Failure](err); ok {
		return conflict(program, c, err)
	}
	if e := explainLock(program, err); e != nil {
		return e
	}
	if e, ok := errors.AsType[*update.ConfigError](err); ok {
		return &Error{"E0316", fmt.Sprintf("give it one that it takes, in the same command: --config %s=FILE", e.ID), err}
	}
	if later, ok := errors.AsType[*client.LaterError](err); ok {
		return &Error{"E0413", "try again after " + later.At.Local().Format(time.DateTime), err}
	}
	if e, ok := errors.AsType[*update.ConsentError](err); ok {
		return &Error{"E0314", "if you agree, run the command again with " + AllowFlags(e.Asks), err}
	}
	if e, ok := errors.AsType[*update.NeededError](err); ok {
		return &Error{"E0302", fmt.Sprintf("%s those plugins too, in the same command", e.Do), err}
	}
	if e, ok := errors.AsType[*update.NeedsDisabledError](err); ok {
		return &Error{"E0309", fmt.Sprintf("%s enable %s %s", program, e.Needs, e.ID), err}
	}
	if _, ok := errors.AsType[*resolve.CycleError](err); ok {
		return &Error{"E0214", "ask the authors to drop init from one of these needs", err}
	}
	var list manifest.Errors
	var one *manifest.Error
	if errors.As(err, &list) || errors.As(err, &one) {
		return &Error{"E0101", "mend the lines named above; docs/spec/manifest.md describes every key", err}
	}
	return nil
}

// AllowFlags returns the flags that grant everything that asks name, with the plugin if
// there are several.
func AllowFlags(asks []update.Ask) string {
	var words []string
	for _, a := range update.AllowAll(asks) {
		if len(asks) == 1 {
			a.ID = ""
		}
		words = append(words, "--allow "+quote(a.String()))
	}
	return strings.Join(words, " ")
}

func conflict(program string, c *resolve.Failure, err error) *Error {
	info := fmt.Sprintf("%s info %s", program, c.ID)
	switch c.Kind {
	case resolve.Unknown:
		return &Error{"E0201", fmt.Sprintf("%s search %s", program, c.ID.Name()), err}
	case resolve.HostRange:
		return &Error{"E0203", info, err}
	case resolve.Platform:
		return &Error{"E0204", info, err}
	case resolve.Point:
		return &Error{"E0205", info, err}
	case resolve.Yanked, resolve.Blocked, resolve.Forbidden:
		return &Error{"E0206", info, err}
	case resolve.Conflict:
		return &Error{"E0207", fmt.Sprintf("uninstall one of them: %s uninstall %s", program, c.ID), err}
	case resolve.Age:
		return &Error{"E0210", info, err}
	case resolve.Excluded, resolve.Pinned, resolve.Older, resolve.TooFar, resolve.Kept:
		return &Error{"E0211", info, err}
	case resolve.PreReleases:
		return &Error{"E0212", info, err}
	case resolve.Provider:
		return &Error{"E0213", info, err}
	}
	return &Error{"E0202", info, err}
}

// explainDropin explains what is about entries of drop-in folders.
func explainDropin(err error) *Error {
	if e, ok := errors.AsType[*dropin.TwiceError](err); ok {
		return &Error{"E0417", fmt.Sprintf("take one of %s and %s away, or raise its version", quote(e.First), quote(e.Other)), err}
	}
	e, ok := errors.AsType[*dropin.EntryError](err)
	switch {
	case !ok:
		return nil
	case errors.Is(e.Err, dropin.ErrSettling):
		return &Error{"E0416", "wait two seconds, then run the command again", err}
	}
	return &Error{"E0416", "mend it, or take it out of the folder", err}
}

// explainOverride explains what is about development overrides.
func explainOverride(program string, err error) *Error {
	if e, ok := errors.AsType[*update.OverriddenError](err); ok {
		hint := "unset CI, if this is no continuous integration"
		switch {
		case len(e.Are) == 0 && e.Do != "CI":
			hint = "run the command without " + e.Do
		case len(e.Are) > 0:
			hint = fmt.Sprintf("%s uninstall %s", program, e.Are[0].ID)
		}
		return &Error{"E0311", hint, err}
	}
	e, ok := errors.AsType[*update.OverrideError](err)
	if !ok {
		return nil
	}
	end := fmt.Sprintf("%s uninstall %s", program, e.ID)
	if unmet, ok := errors.AsType[*update.UnmetError](err); ok {
		want := resolve.Wish{ID: unmet.Need.ID, Range: unmet.Need.Range}
		return &Error{"E0313", fmt.Sprintf("%s install %s", program, quote(want.String())), err}
	}
	if errors.Is(err, update.ErrOverrideFolder) || errors.Is(err, publish.ErrNoManifest) || is[manifest.Errors](err) {
		return &Error{"E0312", "mend the folder, or take the override away: " + end, err}
	}
	return &Error{"E0313", "mend the plugin, or take the override away: " + end, err}
}

// explainLock explains what a check of a lock finds. The classes are tried in order: a
// lock for another application does not fit in any other way either.
func explainLock(program string, err error) *Error {
	if errors.Is(err, resolve.ErrConflictMarkers) {
		return &Error{"E0802", program + " lock --merge", err}
	}
	again := program + " lock, to choose anew"
	switch {
	case is[*resolve.LockError](err), errors.Is(err, resolve.ErrLockFormat):
		return &Error{"E0801", "take the file from version control again: it is written by " + program + " lock, not by hand", err}
	case is[*resolve.DriftError](err):
		return &Error{"E0803", again, err}
	case is[*resolve.PlatformError](err):
		return &Error{"E0804", program + " lock --platform OS/ARCH", err}
	case is[*resolve.AppError](err), is[*resolve.HostRangeError](err), is[*resolve.PointError](err):
		return &Error{"E0805", again, err}
	case is[*resolve.NeedError](err), is[*resolve.ClashError](err), is[*resolve.OrphanError](err):
		return &Error{"E0806", again, err}
	}
	return nil
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// Printable keeps text that strangers wrote from steering a terminal: what cannot be
// seen becomes a space, other than line breaks.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// Line is Printable for text that belongs on one line: with a line break in it, it
// would pass for something that the program says.
func Line(s string) string { return strings.ReplaceAll(Printable(s), "\n", " ") }

package cmdline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/plugstead/plugstead/artifact"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/fetch"
	"github.com/plugstead/plugstead/index"
	"github.com/plugstead/plugstead/install"
	"github.com/plugstead/plugstead/internal/cmdline"
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

// TestEveryClassOfErrors pins code, exit code and hint. Scripts of users depend on
// the first two, and a hint that names the wrong program cannot be run.
func TestEveryClassOfErrors(t *testing.T) {
	failure := func(k resolve.Kind) error { return &resolve.Failure{Kind: k, ID: "acme/x", Lead: "no"} }
	for _, c := range []struct {
		err  error
		code cmdline.Code
		exit int
		hint string // begins with it
	}{
		{context.Canceled, "E0003", 130, ""},
		{publish.ErrNoManifest, "E0102", 1, "write a plugin.yaml"},
		{resolve.ErrLinked, "E0208", 1, "remove it from the list"},
		{resolve.ErrBudget, "E0209", 3, "ask for fewer"},
		{update.ErrNotInstalled, "E0301", 1, "folio plugin list"},
		{&update.NeededError{Do: "uninstall", ID: "acme/a"}, "E0302", 1, "uninstall those plugins too"},
		{&update.NeededError{Do: "disable", ID: "acme/a"}, "E0302", 1, "disable those plugins too"},
		{install.ErrRunning, "E0310", 9, "stop the application"},
		{install.ErrInstalled, "E0304", 1, "run the command again"},
		{&update.NeedsDisabledError{ID: "acme/b", Needs: "acme/a"}, "E0309", 1, "folio plugin enable acme/a acme/b"},
		{dropin.ErrFolder, "E0406", 1, "name a folder that plugins are dropped into"},
		{&dropin.EntryError{Dir: "/d", Name: "x", Err: dropin.ErrSettling}, "E0416", 1, "wait two seconds"},
		{&dropin.EntryError{Dir: "/d", Name: "x", Err: manifest.Errors{{Msg: "bad"}}}, "E0416", 1, "mend it, or take it out"},
		{&dropin.TwiceError{Dir: "/d", ID: "acme/a", First: "x", Other: "a b"}, "E0417", 1, "take one of x and 'a b' away"},
		{&update.OverriddenError{Do: "CI"}, "E0311", 5, "unset CI"},
		{&update.OverriddenError{Do: "--frozen"}, "E0311", 5, "run the command without --frozen"},
		{&update.OverriddenError{Do: "CI", Are: []install.Override{{ID: "acme/a", Dir: "/d"}}}, "E0311", 5, "folio plugin uninstall acme/a"},
		{update.ErrOverrideFolder, "E0312", 1, "name a folder"},
		{&update.OverrideError{ID: "acme/a", Dir: "/d", Err: update.ErrOverrideFolder}, "E0312", 1, "mend the folder, or take the override away: folio plugin uninstall acme/a"},
		{&update.OverrideError{ID: "acme/a", Dir: "/d", Err: &update.UnmetError{By: "acme/a 1.0.0", Need: manifest.Need{ID: "acme/b"}}}, "E0313", 1, "folio plugin install acme/b"},
		{&update.OverrideError{ID: "acme/a", Dir: "/d", Err: errors.New("panic")}, "E0313", 1, "mend the plugin"},
		{install.ErrNoGeneration, "E0303", 1, "folio plugin history"},
		{update.ErrStale, "E0304", 1, "run the command again"},
		{install.ErrBusy, "E0305", 9, "wait for the other process"},
		{install.ErrBroken, "E0306", 1, "folio plugin history"},
		{fetch.ErrNoSource, "E0401", 2, "set PLUGSTEAD_REGISTRY"},
		{client.ErrUnreachable, "E0402", 6, "check the address"},
		{&client.LaterError{At: time.Now(), Err: client.ErrUnreachable}, "E0413", 6, "try again after 2"},
		{fmt.Errorf("%w: %w", client.ErrUnauthorized, client.ErrLogin), "E0414", 4, "docker login"},
		{client.ErrUnauthorized, "E0403", 4, "set PLUGSTEAD_TOKEN"},
		{registry.ErrBound, "E0404", 1, "raise the version"},
		{&registry.Error{Code: registry.CodePluginInvalid, Detail: "x"}, "E0405", 1, ""},
		{&registry.Error{Code: registry.CodeManifestUnknown, Detail: "x"}, "E0409", 1, "make the copy of the registry again, or take another source"},
		{&registry.Error{Code: registry.CodeBlobUnknown, Detail: "x"}, "E0409", 1, "make the copy of the registry again, or take another source"},
		{fetch.ErrNoSearch, "E0415", 2, "name the plugin: folio plugin info NAME"},
		{oci.ErrName, "E0001", 2, "write oci://HOST/PREFIX"},
		{disk.ErrNotLayout, "E0406", 1, "name a folder"},
		{artifact.ErrDigest, "E0501", 5, "try again"},
		{verify.ErrMismatch, "E0502", 5, "report this to the operator"},
		{artifact.ErrUnsafe, "E0503", 5, "report this to the author"},
		{index.ErrDocument, "E0504", 5, "report this to the operator"},
		{verify.ErrPolicy, "E0505", 5, "ask whoever"},
		{index.ErrNotFound, "E0201", 3, "folio plugin search"},
		{store.ErrNotFound, "E0409", 1, "make the copy of the registry again"},
		{static.ErrNotTree, "E0410", 1, "name a new or empty folder"},
		{static.ErrForeign, "E0410", 1, "name another folder"},
		{static.ErrName, "E0410", 1, "docs/spec/static.md"},
		{mirror.ErrCannotList, "E0411", 2, "name the plugins"},
		{mirror.ErrNothing, "E0412", 1, "ask for another range"},
		{bundle.ErrBundle, "E0507", 5, "copy the file again"},
		{index.ErrAvailable, "E0508", 5, "make the copy"},
		{contract.Errorf(contract.NotFound, "no such file"), "E0701", 1, ""},
		{&manifest.Error{Msg: "bad"}, "E0101", 1, "mend the lines"},
		{manifest.Errors{{Msg: "bad"}, {Msg: "worse"}}, "E0101", 1, "mend the lines"},
		{failure(resolve.Unknown), "E0201", 3, "folio plugin search x"},
		{failure(resolve.Versions), "E0202", 3, "folio plugin info acme/x"},
		{failure(resolve.Itself), "E0202", 3, "folio plugin info acme/x"},
		{failure(resolve.HostRange), "E0203", 7, "folio plugin info acme/x"},
		{failure(resolve.Platform), "E0204", 7, "folio plugin info acme/x"},
		{failure(resolve.Point), "E0205", 7, "folio plugin info acme/x"},
		{failure(resolve.Yanked), "E0206", 5, "folio plugin info acme/x"},
		{failure(resolve.Blocked), "E0206", 5, "folio plugin info acme/x"},
		{failure(resolve.Forbidden), "E0206", 5, "folio plugin info acme/x"},
		{failure(resolve.Conflict), "E0207", 3, "uninstall one of them: folio plugin uninstall acme/x"},
		{failure(resolve.Age), "E0210", 3, "folio plugin info acme/x"},
		{failure(resolve.Pinned), "E0211", 3, "folio plugin info acme/x"},
		{failure(resolve.PreReleases), "E0212", 3, "folio plugin info acme/x"},
		{failure(resolve.Provider), "E0213", 3, "folio plugin info acme/x"},
		{io.ErrUnexpectedEOF, "E0000", 1, ""},
		{os.ErrPermission, "E0000", 1, ""},
	} {
		for _, err := range []error{c.err, fmt.Errorf("install acme/hello 1.0.0: %w", c.err), errors.Join(c.err, errors.New("close: too"))} {
			e := cmdline.Explain("folio plugin", err)
			if e.Code != c.code || e.Exit() != c.exit || !strings.HasPrefix(e.Hint, c.hint) || (c.hint == "") != (e.Hint == "") || strings.Contains(e.Hint, "%") {
				t.Errorf("%v: %s, exit %d, hint %q; want %s, exit %d, hint %q", err, e.Code, e.Exit(), e.Hint, c.code, c.exit, c.hint)
			}
			if errors.Unwrap(e).Error() != err.Error() || !strings.HasPrefix(e.Error(), e.What()) || !strings.HasSuffix(e.Error(), "\ncode: "+string(c.code)) {
				t.Errorf("%v: %q", err, e.Error())
			}
		}
	}
}

// TestTheSpecialClassWins has errors that are several things: the user hears of the
// one that helps.
func TestTheSpecialClassWins(t *testing.T) {
	for _, c := range []struct {
		err  error
		code cmdline.Code
	}{
		{fmt.Errorf("%w: %w", install.ErrBusy, context.Canceled), "E0003"},
		{fmt.Errorf("%w (%w)", install.ErrBusy, context.DeadlineExceeded), "E0305"},
		{fmt.Errorf("%w: %w", client.ErrUnauthorized, &registry.Error{Code: registry.CodeUnauthorized}), "E0403"},
		{fmt.Errorf("%w: %w", client.ErrUnreachable, &registry.Error{Code: registry.CodeInternal}), "E0402"},
		{&registry.Error{Code: registry.CodeVersionBound}, "E0404"},
		{&registry.Error{Code: registry.CodePluginUnknown}, "E0201"},
		{&registry.Error{Code: registry.CodeDigestInvalid}, "E0501"},
		{fmt.Errorf("%w: %w", index.ErrNotFound, registry.ErrNotFound), "E0201"},
		{fmt.Errorf("%w: %w", verify.ErrMismatch, artifact.ErrDigest), "E0502"},
		{fmt.Errorf("%w: %w", disk.ErrNotLayout, os.ErrNotExist), "E0406"},
		{fmt.Errorf("myapp: %w", cmdline.New("E0702", "", "did not start: %w", install.ErrBroken)), "E0702"},
	} {
		if e := cmdline.Explain("x", c.err); e.Code != c.code {
			t.Errorf("%v: %s, want %s", c.err, e.Code, c.code)
		}
	}
}

// TestCodesInTheSource looks for codes that the table lacks: they would exit with 0.
func TestCodesInTheSource(t *testing.T) {
	for _, dir := range []string{".", "../../plugcobra"} {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, f := range files {
			if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
				continue
			}
			b, err := os.ReadFile(dir + "/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, code := range regexp.MustCompile(`"(E[0-9]{4})"`).FindAllSubmatch(b, -1) {
				found++
				if c, ok := cmdline.Codes[cmdline.Code(code[1])]; !ok || c.Exit == 0 {
					t.Errorf("%s/%s: %s is not in the table", dir, f.Name(), code[1])
				}
			}
		}
		if found == 0 {
			t.Errorf("%s: no codes found", dir)
		}
	}
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"plain text": "plain text", "über 世界 é": "über 世界 é", "two\nlines": "two\nlines",
		"\x1b[31mred\x1b[0m": " [31mred [0m", "bell\a": "bell ", "back\bspace": "back space", "cr\rlf": "cr lf", "tab\tbed": "tab bed",
		"c1\u009b31m": "c1 31m", "del\x7f": "del ", "rtl\u202eabc": "rtl abc", "isolate\u2066x": "isolate x", "mark\u200fx": "mark x",
		"zero\u200bwidth": "zero width", "bom\ufeff": "bom ", "line\u2028sep\u2029": "line sep ", "arabic mark\u061c": "arabic mark ",
		"hidden\U000e0041tag": "hidden tag", "bad\xffbyte": "bad\ufffdbyte", "": "",
	} {
		if got := cmdline.Printable(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
		if got := cmdline.Line(s); got != strings.ReplaceAll(want, "\n", " ") {
			t.Errorf("line of %q: %q", s, got)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[2J\u202e\n\t\x00\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := cmdline.Printable(s)
		for _, r := range got {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Fatalf("%q keeps %U", s, r)
			}
		}
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) != utf8.RuneCountInString(s) || strings.Count(got, "\n") != strings.Count(s, "\n") {
			t.Fatalf("%q became %q", s, got)
		}
		if line := cmdline.Line(s); strings.ContainsAny(line, "\n\r\u2028") {
			t.Fatalf("%q became %q", s, line)
		}
	})
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1: "1 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1 KiB", 1<<20 - 1: "1023 KiB", 1 << 20: "1.0 MiB", 3 << 19: "1.5 MiB", 4 << 30: "4096.0 MiB",
	} {
		if got := cmdline.Bytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// verb makes "prog plugin NAME" around f.
func verb(name string, f func(*cobra.Command, []string) (cmdline.Outcome, error)) (*cobra.Command, *strings.Builder) {
	out := new(strings.Builder)
	root := cmdline.Group(&cobra.Command{Use: "prog"})
	group := cmdline.Group(&cobra.Command{Use: "plugin"})
	cmdline.JSONFlag(root)
	group.AddCommand(&cobra.Command{Use: name, RunE: cmdline.Run(f)})
	root.AddCommand(group)
	root.SetOut(out)
	root.SetErr(out)
	return root, out
}

// TestTextOrJSON gives one of both, never a mixture.
func TestTextOrJSON(t *testing.T) {
	for args, want := range map[string]string{
		"plugin show":        "in words\n",
		"plugin show --json": "\"result\": {\n    \"a\": \"<&>\"\n  }",
		"--json plugin show": "\"command\": \"show\"",
	} {
		root, out := verb("show", func(*cobra.Command, []string) (cmdline.Outcome, error) {
			return cmdline.Outcome{Result: map[string]string{"a": "<&>"}, Text: func(w io.Writer) { fmt.Fprintln(w, "in words") }}, nil
		})
		root.SetArgs(strings.Fields(args))
		if err := root.Execute(); err != nil || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "words") == strings.Contains(args, "--json") {
			t.Errorf("%s: %q, %v", args, out, err)
		}
	}
	root, out := verb("quiet", func(*cobra.Command, []string) (cmdline.Outcome, error) { return cmdline.Outcome{}, nil })
	root.SetArgs([]string{"plugin", "quiet"})
	if err := root.Execute(); err != nil || out.Len() != 0 {
		t.Errorf("a command without words: %q, %v", out, err)
	}
	root, _ = verb("bad", func(*cobra.Command, []string) (cmdline.Outcome, error) {
		return cmdline.Outcome{Result: func() {}}, nil
	})
	root.SetArgs([]string{"plugin", "bad", "--json"})
	if err := root.Execute(); err == nil || cmdline.ExitCode(err) != 1 {
		t.Errorf("a result that is no JSON: %v", err)
	}
}

// TestErrorsGoThroughOnce has commands that call each other: one hint, one code.
func TestErrorsGoThroughOnce(t *testing.T) {
	root, out := verb("outer", func(c *cobra.Command, args []string) (cmdline.Outcome, error) {
		return cmdline.Outcome{}, cmdline.Fail(c, fmt.Errorf("inner: %w", index.ErrNotFound))
	})
	root.SetArgs([]string{"plugin", "outer"})
	err := root.Execute()
	if err == nil || strings.Count(err.Error(), "code:") != 1 || strings.Count(err.Error(), "hint:") != 1 || !strings.Contains(err.Error(), "hint: prog plugin search\n") {
		t.Errorf("%v", err)
	}
	if out.Len() != 0 {
		t.Errorf("printed %q: who runs the command shows the error", out)
	}
	if got := cmdline.Exit(9).Error(); got != "exit 9" {
		t.Errorf("%q", got)
	}
}

// TestGroupAlone shows its help and names near words only when there are some.
func TestGroupAlone(t *testing.T) {
	root, out := verb("install", nil)
	root.SetArgs([]string{"plugin"})
	if err := root.Execute(); err != nil || !strings.Contains(out.String(), "Usage:") || !strings.Contains(out.String(), "install") {
		t.Errorf("%q, %v", out, err)
	}
	var hints []string
	for _, word := range []string{"instal", "isntall", "zzz", "INSTALL"} {
		root, _ := verb("install", nil)
		root.SetArgs([]string{"plugin", word})
		e, ok := errors.AsType[*cmdline.Error](root.Execute())
		if !ok || e.Code != "E0001" {
			t.Fatalf("%s: %v", word, e)
		}
		hints = append(hints, e.Hint)
	}
	if want := []string{"prog plugin install", "prog plugin install", "prog plugin --help", "prog plugin install"}; !slices.Equal(hints, want) {
		t.Errorf("%q", hints)
	}
}

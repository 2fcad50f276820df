//go:build unix

package runtimetest_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load/files"
	"github.com/plugstead/plugstead/load/runtimetest"
	"github.com/plugstead/plugstead/sdk/sdktest"
)

var (
	greeter = contract.Define("acme.dev/greeter", 1, 0)
	greet   = contract.Unary[map[string]string, map[string]string](greeter, "Greet")
	greets  = 0
)

// greeterSuite is what the owner of the point would write.
var greeterSuite = sdktest.Suite{
	Point: greeter,
	Options: func(testing.TB) sdktest.Options {
		return sdktest.Options{Config: map[string]string{"greeting": "good day"}}
	},
	Cases: []sdktest.Case{
		{Name: "Greet", Run: func(t *testing.T, p contract.Caller) {
			greets++
			if out, err := greet.Call(t.Context(), p, map[string]string{"name": "Ada"}); err != nil || out["text"] != "good day, Ada" {
				t.Error(out, err)
			}
			if _, err := greet.Call(t.Context(), p, nil); !errors.Is(err, contract.InvalidArgument) {
				t.Error(err)
			}
		}},
	},
}

// TestCommand runs a suite over a shell script.
func TestCommand(t *testing.T) {
	list := runtimetest.Folder(t, "../../examples/command")
	if len(list) != 1 || list[0].Name != "acme/shell as command" {
		t.Fatal(list)
	}
	if greeterSuite.Run(t, list...); greets != 1 {
		t.Errorf("%d runs", greets)
	}
}

// TestFiles: a plugin of files is read in tests as applications read it.
func TestFiles(t *testing.T) {
	list := runtimetest.Folder(t, "../../examples/theme")
	if len(list) != 1 || list[0].Name != "acme/dark as files" {
		t.Fatal(list)
	}
	fsys, err := files.Of(list[0].Start(t, sdktest.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if names, err := fs.Glob(fsys, "*"); err != nil || len(names) != 2 {
		t.Error(names, err)
	}
}

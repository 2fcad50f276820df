package runtimetest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load/loadtest/probe"
	"github.com/plugstead/plugstead/load/loadtest/testplugin"
	"github.com/plugstead/plugstead/load/runtimetest"
	"github.com/plugstead/plugstead/sdk/sdktest"
)

const program = "github.com/plugstead/plugstead/load/loadtest/testplugin/plugin"

// ran counts the runs of each case.
var ran = map[string]int{}

func note(t *testing.T) { ran[t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]]++ }

// suite is what an owner of probe.Point would write.
var suite = sdktest.Suite{
	Point:   probe.Point,
	Options: func(testing.TB) sdktest.Options { return sdktest.Options{Config: testplugin.Config{Word: "default"}} },
	Cases: []sdktest.Case{
		{Name: "Echo", Run: func(t *testing.T, p contract.Caller) {
			note(t)
			if m, err := probe.Echo.Call(t.Context(), p, probe.Message{Text: "x"}); err != nil || m.Text != "x" {
				t.Error(m, err)
			}
			if v, err := probe.Look.Call(t.Context(), p, probe.Nothing{}); err != nil || v.Word != "default" {
				t.Error(v, err)
			}
		}},
		{Name: "Surroundings", Options: surroundings, Run: func(t *testing.T, p contract.Caller) {
			note(t)
			v, err := probe.Look.Call(t.Context(), p, probe.Nothing{})
			if err != nil || v.Word != "own" || v.Calls != 1 || !slices.Contains(v.Environ, "PLUGSTEAD_TEST_GRANT=yes") {
				t.Errorf("%+v, %v", v, err)
			}
			if x, err := probe.Call.Call(t.Context(), p, probe.Text{Text: "k"}); err != nil || x.Text != "found k" {
				t.Error(x, err)
			}
			if m, err := probe.Ask.Call(t.Context(), p, probe.Message{Text: "x", Renamed: testplugin.PeerID}); err != nil || m.Text != testplugin.PeerID+": x" {
				t.Error(m, err)
			}
			if _, err := probe.Ask.Call(t.Context(), p, probe.Message{Renamed: "no/body"}); err == nil {
				t.Error("a peer that nobody gave answered")
			}
		}},
		{Name: "Errors", Run: func(t *testing.T, p contract.Caller) {
			note(t)
			if _, err := probe.Fail.Call(t.Context(), p, probe.Failure{How: "code"}); !errors.Is(err, contract.NotFound) {
				t.Error(err)
			}
		}},
	},
}

func surroundings(t testing.TB) sdktest.Options {
	return sdktest.Options{
		Config: testplugin.Config{Word: "own"}, Grants: []string{"env:PLUGSTEAD_TEST_GRANT"},
		Peers: map[string]contract.Caller{testplugin.PeerID: sdktest.Start(t, testplugin.PeerID, sdktest.Options{})},
		Host: []contract.Handler{probe.Lookup.Handle(func(_ context.Context, x probe.Text) (probe.Text, error) {
			return probe.Text{Text: "found " + x.Text}, nil
		})},
	}
}

// TestSuite runs one suite over one plugin in every way in which it can run.
func TestSuite(t *testing.T) {
	t.Setenv("PLUGSTEAD_TEST_GRANT", "yes")
	list := append(runtimetest.Build(t, testplugin.ID, program), sdktest.Linked(testplugin.ID))
	if len(list) != 3 {
		t.Fatalf("%d implementations", len(list))
	}
	suite.Run(t, list...)
	for _, c := range suite.Cases {
		if ran[c.Name] != len(list) {
			t.Errorf("%s ran %d times", c.Name, ran[c.Name])
		}
	}
}

// TestFolder runs a folder that has been built.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	yaml := fmt.Sprintf("id: %s\nversion: 1.0.0\nprovides: { plugstead.test/probe: \"1.1\" }\nruntimes: { process: { platforms: { %s/%s: p.exe } } }\n", testplugin.ID, runtime.GOOS, runtime.GOARCH)
	if err := os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "p.exe"), program).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	list := runtimetest.Folder(t, dir)
	if len(list) != 1 || list[0].Name != testplugin.ID+" as process" {
		t.Fatal(list)
	}
	var log sdktest.Recorder
	p := list[0].Start(t, sdktest.Options{Log: log.Logger()})
	if _, err := probe.Say.Call(t.Context(), p, probe.Speech{Log: "from afar"}); err != nil {
		t.Error(err)
	}
	if r, err := log.Await(t.Context(), "from afar"); err != nil || r.Attrs["g.b"] != "two" {
		t.Error(r, err)
	}
}

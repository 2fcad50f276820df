package sdktest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/guest"
)

var (
	suitePoint = contract.Define("plugstead.test/suite", 1, 0)
	needed     = contract.Unary[string, string](suitePoint, "Needed")
	wanted     = contract.Unary[string, string](suitePoint, "Wanted", contract.MethodOptions{Optional: true})
)

func answer(_ context.Context, s string) (string, error) { return s, nil }

// heard keeps what a check reports.
type heard struct {
	testing.TB
	said []string
}

func (h *heard) Errorf(format string, args ...any) {
	h.said = append(h.said, fmt.Sprintf(format, args...))
}

// TestSuiteMethods: what is required has to be there, what is optional may be.
func TestSuiteMethods(t *testing.T) {
	for name, c := range map[string]struct {
		handlers []contract.Handler
		want     []string
	}{
		"all":      {[]contract.Handler{needed.Handle(answer), wanted.Handle(answer)}, nil},
		"required": {[]contract.Handler{needed.Handle(answer)}, nil},
		"optional": {[]contract.Handler{wanted.Handle(answer)}, []string{"/plugstead.test/suite.v1/Needed cannot be called"}},
		"none":     {nil, []string{"Needed cannot be called", "nothing of plugstead.test/suite@1.0"}},
	} {
		h := &heard{TB: t}
		Suite{Point: suitePoint}.methods(h, guest.NewLocal(name, guest.ByPath(c.handlers), nil))
		if len(h.said) != len(c.want) {
			t.Errorf("%s: said %q", name, h.said)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(h.said[i], want) {
				t.Errorf("%s: said %q, want %q", name, h.said[i], want)
			}
		}
	}
}

// TestSuiteOptions: a case may say what the plugin gets, otherwise the suite does.
func TestSuiteOptions(t *testing.T) {
	config := func(v string) func(testing.TB) Options {
		return func(testing.TB) Options { return Options{Config: v} }
	}
	for name, c := range map[string]struct {
		s    Suite
		c    Case
		want any
	}{
		"none":  {},
		"suite": {s: Suite{Options: config("suite")}, want: "suite"},
		"case":  {s: Suite{Options: config("suite")}, c: Case{Options: config("case")}, want: "case"},
	} {
		if got := c.s.options(t, c.c).Config; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

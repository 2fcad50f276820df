package sdktest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/sdk"
	"github.com/plugstead/plugstead/sdk/sdktest"
)

// The application's extension point, and a plugin that serves it.
var (
	greeterPoint = contract.Define("acme.example/greeter", 1, 0)
	greet        = contract.Unary[string, string](greeterPoint, "Greet")
)

func init() {
	sdk.Register("acme/example", greet.Handle(func(_ context.Context, name string) (string, error) {
		if name == "" {
			return "", contract.Errorf(contract.InvalidArgument, "no name")
		}
		return "hello, " + name, nil
	}))
}

// greeterSuite is what the owner of the point promises to applications.
var greeterSuite = sdktest.Suite{Point: greeterPoint, Cases: []sdktest.Case{
	{Name: "NoName", Run: func(t *testing.T, p contract.Caller) {
		if _, err := greet.Call(t.Context(), p, ""); contract.AsError(err).Code != contract.InvalidArgument {
			t.Errorf("without a name: %v", err)
		}
	}},
}}

// TestGreet in a real test.
func testGreet(t *testing.T) {
	var log sdktest.Recorder
	p := sdktest.Start(t, "acme/example", sdktest.Options{Log: log.Logger()})
	text, err := greet.Call(t.Context(), p, "Ada")
	if err != nil || text != "hello, Ada" {
		t.Errorf("%q, %v", text, err)
	}
	if n := len(log.Records()); n > 0 {
		t.Errorf("it wrote %d records to its log", n)
	}
}

// TestSuite in a real test; runtimetest.Build gives the same plugin as a process and as
// WebAssembly.
func testSuite(t *testing.T) {
	greeterSuite.Run(t, sdktest.Linked("acme/example"))
}

func Example() {
	tests := []testing.InternalTest{{Name: "TestGreet", F: testGreet}, {Name: "TestSuite", F: testSuite}}
	for _, t := range tests {
		fmt.Println(t.Name)
	}
	// Output:
	// TestGreet
	// TestSuite
}

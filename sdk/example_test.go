package sdk_test

import (
	"context"
	"errors"
	"testing"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/sdk"
	"github.com/plugstead/plugstead/sdk/sdktest"
)

// The application's package.
var (
	point = contract.Define("acme.dev/greeter", 1, 0)
	greet = contract.Unary[string, string](point, "Greet")
)

// config is what an operator can set.
type config struct {
	Word string `json:"word"`
}

// plugin is one start of the plugin.
type plugin struct {
	env *sdk.Env
	config
}

func init() {
	sdk.RegisterType("acme/hello", open, sdk.Unary(greet, (*plugin).greet))
}

func open(_ context.Context, env *sdk.Env, c config) (*plugin, error) {
	if c.Word == "" {
		c.Word = "hello"
	}
	return &plugin{env, c}, nil
}

func (p *plugin) greet(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", contract.Errorf(contract.InvalidArgument, "no name")
	}
	p.env.Log.InfoContext(ctx, "greeting", "name", name)
	return p.Word + ", " + name, nil
}

// A plugin with a configuration, and a test of it. In an application the plugstead
// package starts it.
func ExampleRegisterType() {
	sdk.RegisterType("acme/other", open, sdk.Unary(greet, (*plugin).greet))
}

func TestExample(t *testing.T) {
	p := sdktest.Start(t, "acme/hello", sdktest.Options{Config: config{Word: "hi"}})
	if text, err := greet.Call(t.Context(), p, "Ada"); err != nil || text != "hi, Ada" {
		t.Error(text, err)
	}
	if _, err := greet.Call(t.Context(), p, ""); !errors.Is(err, contract.InvalidArgument) {
		t.Error(err)
	}
}

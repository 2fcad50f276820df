// Package hello is a plugin: linked in, a process, or WebAssembly.
package hello

import (
	"context"

	"github.com/plugstead/plugstead/sdk"
	"hello.example.org/greeter"
)

func init() { sdk.Register("acme/hello", greeter.Greet.Handle(greet)) }

func greet(_ context.Context, r greeter.Request) (greeter.Response, error) {
	return greeter.Response{Text: "hello, " + r.Name}, nil
}

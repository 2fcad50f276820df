package hello_test

import (
	"testing"

	"github.com/plugstead/plugstead/sdk/sdktest"

	"hello.example.org/greeter"
	_ "hello.example.org/hello"
)

func TestGreet(t *testing.T) {
	p := sdktest.Start(t, "acme/hello", sdktest.Options{})
	out, err := greeter.Greet.Call(t.Context(), p, greeter.Request{Name: "Ada"})
	if err != nil || out.Text != "hello, Ada" {
		t.Fatal(out, err)
	}
}

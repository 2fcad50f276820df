// Command host is an application with plugins.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"hello.example.org/greeter"
)

func main() {
	ctx := context.Background()
	h, err := plugstead.Open(ctx, plugstead.Options{App: "acme", Version: "2.4.0", Points: []*contract.Point{greeter.Point}})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	if err := errors.Join(h.Install(ctx, "acme/hello@^1"), h.Start(ctx)); err != nil {
		log.Fatal(err)
	}
	for p := range h.Plugins(greeter.Point) {
		out, err := greeter.Greet.Call(ctx, p, greeter.Request{Name: "Ada"})
		fmt.Println(p.ID(), out.Text, err)
	}
}

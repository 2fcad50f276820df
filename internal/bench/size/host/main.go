// Command host is a small application with plugins and every driver.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/plugstead/plugstead"
	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/internal/bench/echo"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	h, err := plugstead.Open(ctx, plugstead.Options{App: "host", Version: "1.0.0", Points: []*contract.Point{echo.Point}})
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.Install(ctx, os.Args[1:]...); err != nil {
		return err
	}
	if err := h.Start(ctx); err != nil {
		return err
	}
	for p := range h.Plugins(echo.Point) {
		out, err := echo.Echo.Call(ctx, p, echo.Message{Name: "Ada"})
		fmt.Println(p.ID(), out, err)
	}
	return nil
}

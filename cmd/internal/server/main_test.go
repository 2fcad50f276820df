package server_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"testing"

	"github.com/plugstead/plugstead/cmd/internal/server"
	"github.com/plugstead/plugstead/cmd/internal/server/servertest"
	"github.com/plugstead/plugstead/cmd/internal/server/settings"
)

// dataVar turns the test program into a server of the folder that it names, with the
// settings of the environment.
const dataVar = "PLUGSTEAD_TEST_SERVER_DATA"

func TestMain(m *testing.M) {
	if data := os.Getenv(dataVar); data != "" {
		os.Exit(serveProcess(data))
	}
	servertest.Main(m)
}

// serveProcess prints address and token on one line and serves until it is stopped
// or its parent, which holds the other end of standard input, is gone.
func serveProcess(data string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	l, err := settings.Load(settings.Sources{Flags: map[string]string{"data": data, "listen": loopback}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s, err := server.Open(ctx, l.Options)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() {
		os.Stdin.Read(make([]byte, 1))
		stop()
	}()
	fmt.Println(s.URL(), s.FirstToken+".")
	if err := s.Serve(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

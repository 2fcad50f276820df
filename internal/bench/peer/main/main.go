// Command main is the peer's plugin as a program.
package main

import (
	"github.com/hashicorp/go-plugin"

	"github.com/plugstead/plugstead/internal/bench/peer"
)

func main() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: peer.Handshake, Plugins: plugin.PluginSet{peer.Name: peer.Plugin{}}, GRPCServer: plugin.DefaultGRPCServer,
	})
}

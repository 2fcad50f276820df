// Package echo is the contract that the benchmarks call.
package echo

import "github.com/plugstead/plugstead/contract"

// Message is what goes there and back.
type Message struct {
	Name string
	N    int
	Data []byte
}

// Point and Echo are the extension point and its only method.
var (
	Point = contract.Define("bench.plugstead.dev/echo", 1, 0)
	Echo  = contract.Unary[Message, Message](Point, "Echo")
)

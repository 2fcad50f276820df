// Package echo is the contract that the benchmarks call.
package echo

import "github.com/plugstead/plugstead/contract"

// Message is what goes there and back.
type Message struct {
	Name string
	N    int
	Data []byte
}

// Point is the extension point, Echo answers with what it gets, Many with a stream of N
// messages of 1 KiB.
var (
	Point = contract.Define("bench.plugstead.dev/echo", 1, 0)
	Echo  = contract.Unary[Message, Message](Point, "Echo")
	Many  = contract.ServerStream[Message, Message](Point, "Many", contract.MethodOptions{Optional: true})
)

// Package probe is the extension point and the host service that the suite of runtimes
// calls. It is what an application would own.
package probe

import (
	"time"

	"github.com/plugstead/plugstead/contract"
)

// Point is implemented by package testplugin.
var Point = contract.Define("plugstead.test/probe", 1, 1)

// The methods of Point.
var (
	Echo    = contract.Unary[Message, Message](Point, "Echo", contract.MethodOptions{Idempotent: true})
	Tick    = contract.Unary[Tock, Tock](Point, "Tick")
	Fail    = contract.Unary[Failure, Nothing](Point, "Fail")
	Wait    = contract.Unary[Waiting, Waited](Point, "Wait")
	Look    = contract.Unary[Nothing, View](Point, "Look")
	Call    = contract.Unary[Text, Text](Point, "Call")         // Lookup of the host
	Ask     = contract.Unary[Message, Message](Point, "Ask")    // Echo of the peer
	Offered = contract.Unary[Nothing, Offers](Point, "Offered") // what the plugin sees
	Say     = contract.Unary[Speech, Nothing](Point, "Say")
	Short   = contract.Unary[Message, Message](Point, "Short", contract.MethodOptions{MaxBytes: 1000})
	Prompt  = contract.Unary[Waiting, Waited](Point, "Prompt", contract.MethodOptions{Timeout: 50 * time.Millisecond})
	Absent  = contract.Unary[Nothing, Nothing](Point, "Absent", contract.MethodOptions{Since: 1, Optional: true})
	Count   = contract.ServerStream[Number, Number](Point, "Count", contract.MethodOptions{Optional: true})
	Sum     = contract.ClientStream[Number, Number](Point, "Sum", contract.MethodOptions{Optional: true})
	Double  = contract.BidiStream[Number, Number](Point, "Double", contract.MethodOptions{Optional: true})
	Blobs   = contract.BidiStream[Tock, Tock](Point, "Blobs", contract.MethodOptions{Optional: true})
	Pull    = contract.ServerStream[Pulling, Number](Point, "Pull", contract.MethodOptions{Optional: true})
)

// PeerPoint is implemented by the plugin that the other one requires.
var PeerPoint = contract.Define("plugstead.test/peer", 1, 0)

// The methods of PeerPoint.
var (
	PeerEcho   = contract.Unary[Message, Message](PeerPoint, "Echo")
	PeerDouble = contract.BidiStream[Number, Number](PeerPoint, "Double", contract.MethodOptions{Optional: true})
)

// PeerPoint2 is the next major version of PeerPoint, which the plugin implements beside it.
var PeerPoint2 = contract.Define("plugstead.test/peer", 2, 0)

// PeerEcho2 answers with what it gets.
var PeerEcho2 = contract.Unary[Text, Text](PeerPoint2, "Echo")

// Services is what the host offers to its plugins.
var Services = contract.Define("plugstead.test/services", 1, 0)

// The methods of Services.
var (
	Lookup = contract.Unary[Text, Text](Services, "Lookup")
	Note   = contract.Unary[Text, Nothing](Services, "Note")
	Feed   = contract.ServerStream[Number, Number](Services, "Feed", contract.MethodOptions{Optional: true})
	Total  = contract.ClientStream[Number, Number](Services, "Total", contract.MethodOptions{Optional: true})
	Unkept = contract.Unary[Nothing, Nothing](Services, "Unkept", contract.MethodOptions{Optional: true}) // not offered
)

// Nothing is an empty message.
type Nothing struct{}

// Text is a text.
type Text struct {
	Text string `json:"text"`
}

// Tock is a small message with room for data.
type Tock struct {
	Text string
	Data []byte
}

// Number is a number. Count counts up to it; without end below zero, see the constants.
type Number struct{ N int }

// Special numbers for Count.
const (
	Endless   = -1
	FailAt3   = -2 // NotFound after three numbers
	PanicAt3  = -3
	StandsNow = -4 // sends nothing until its context ends
)

// Pulling asks for the numbers below N from "host" (Feed), "total" (Total of the host, one
// number) or "peer" (PeerDouble).
type Pulling struct {
	From string
	N    int
}

// Message has a field of every kind.
type Message struct {
	Text    string
	Number  int64
	Big     uint64
	Ratio   float64
	On      bool
	Data    []byte
	When    time.Time
	For     time.Duration
	List    []string
	Map     map[string]int
	Inner   *Message
	Renamed string `json:"other_name,omitempty"`
}

// Failure asks for an error: "code", "wrapped", "plain", "panic", "goexit", "exit" or a code.
type Failure struct{ How string }

// Waiting asks for a delay that ends with the context, or does not.
type Waiting struct {
	For      time.Duration
	Spin     bool // use the processor, and look at no context
	Announce bool // Note "waiting" before, and "cancelled" if the context ended first
}

// Waited says how it was.
type Waited struct{ Left time.Duration } // until the deadline, at the begin; zero: none

// View is what the plugin sees of its surroundings.
type View struct {
	ID, Word, DataDir string
	Limit             int64
	Calls             int // of Look, in this instance
	Quiet             bool
	Environ           []string
	Trace             string // traceparent, space, tracestate
	Now               time.Time
	Random            uint64
}

// Offers says what the plugin can call.
type Offers struct{ Lookup, Unkept, PeerEcho, PeerAbsent, StrangerEcho bool }

// Speech is output of every kind.
type Speech struct {
	Log, Debug, Stderr string
	Stdout             []byte
}

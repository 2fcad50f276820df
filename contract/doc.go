// Package contract describes extension points and carries typed calls.
//
// An extension point is a Go value that an application shares with its plugins:
//
//	var Point = contract.Define("acme.dev/greeter", 1, 2) // id, major, minor
//	var Greet = contract.Unary[GreetRequest, GreetResponse](Point, "Greet")
//
// Whoever implements a method makes a [Handler] of it, whoever holds a [Caller]
// calls it with the same typed values, and no code is generated. In one process a
// call is a function call: request and answer are not copied, so neither side may
// change what it has given away. Across a boundary the messages travel in the
// [Codec] of the point.
//
// The package links the standard library and a CBOR codec only, because every
// plugin links it. It starts no runtime and knows none.
package contract

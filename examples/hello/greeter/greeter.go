// Package greeter is the contract: the application owns it, plugins import it.
package greeter

import "github.com/plugstead/plugstead/contract"

type (
	Request struct {
		Name string `json:"name"`
	}
	Response struct {
		Text string `json:"text"`
	}
)

var (
	Point = contract.Define("acme.dev/greeter", 1, 0)
	Greet = contract.Unary[Request, Response](Point, "Greet")
)

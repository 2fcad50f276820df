// Package sdk is what plugin authors import.
//
// A plugin is an importable package that registers itself, and a program of three lines
// beside it:
//
//	package hello
//
//	func init() { sdk.Register("acme/hello", greeter.Greet.Handle(greet)) }
//
//	// hello/plugin/main.go
//	package main
//
//	import _ "acme.dev/hello"
//
//	func main() { sdk.Main() }
//
// The same package runs in an application that imports it, as a process
// (go build ./plugin) and as WebAssembly (GOOS=wasip1 GOARCH=wasm go build
// -buildmode=c-shared ./plugin). A WebAssembly module of this kind never runs its main
// function, so register in init, and do nothing else there.
//
// Plugins with a configuration, a state or a lifecycle use [RegisterType].
package sdk

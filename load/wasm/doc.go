// Package wasm runs plugins that are WebAssembly modules, in this process and apart
// from it.
//
// A module speaks the ABI of docs/spec/wasm-abi.md. It gets clocks, random numbers, a
// log, and the environment variables that were granted. It gets no files, no network
// and no private folder. Its memory has a limit, every call has a deadline, and after a
// trap or a missed deadline the instance is thrown away with its state; the next call
// gets a fresh one, opened with the same configuration.
package wasm

// Package frame is the language between a host and its plugins: frames and their
// multiplexing over two pipes (docs/spec/process-protocol.md), and the messages in
// them, which WebAssembly plugins use too (docs/spec/wasm-abi.md).
//
// Both sides use it: load/process and load/wasm in the host, sdk in the plugin. It
// knows bytes and calls in flight, no plugins.
package frame

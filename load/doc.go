// Package load is step 8 of 10: it starts one plugin in one runtime.
//
// A [Driver] is a runtime: load/inproc, load/process, load/wasm. All of them give the
// same [Instance], and one suite, load/loadtest, holds them to it. Load installs
// nothing, restarts nothing and knows no second plugin; package supervise does the
// latter two.
package load

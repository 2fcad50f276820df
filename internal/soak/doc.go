// Package soak runs plugins for a long time under calls, streams, callbacks, kills and
// swaps. It has tests only; `make soak` runs them at full length.
package soak

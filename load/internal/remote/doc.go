// Package remote is what the runtimes outside of the process have in common: what the
// plugin said it implements, what it may call, and what it logs and prints.
package remote

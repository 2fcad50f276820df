// Package tree runs programs of plugins that end with all that they have started: when they
// are killed, when they end, and when this process does, however it goes.
package tree

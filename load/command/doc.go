// Package command runs plugins as commands: one run of a program for each call, with JSON in
// and out and an exit code.
//
// docs/spec/command.md says how. Such a plugin needs no library and can be a shell script. In
// return it has no streams, cannot call the host, and keeps nothing between calls.
//
// A command is contained by what the operating system grants its user. Capabilities of the
// manifest are advice here, except that the environment holds only what was granted.
package command

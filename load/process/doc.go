// Package process runs plugins as processes of their own.
//
// Host and plugin speak the protocol of docs/spec/process-protocol.md over two pipes
// that the plugin inherits, so that nothing it prints can disturb it: what it prints
// goes to the log. The plugin gets an environment of its own, ends when its host ends,
// and takes the programs that it started with it.
//
// A process is contained by what the operating system grants its user. Capabilities of
// the manifest are advice here, except that the environment holds only what was granted.
package process

// Package guest is what the side of the plugin consists of, whatever the runtime: the
// plugins that are linked in, the environment they see, and calls within one process.
//
// sdk shows parts of it to authors; load/inproc runs it in the host.
package guest

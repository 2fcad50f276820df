package load

// Process is an optional interface of an [Instance] that is a program of its own.
type Process interface {
	// PID returns the number that the system gave the program, for a debugger. It may belong
	// to another program when the instance has ended. It is 0 if the host did not start it.
	PID() int
}

// Package confine takes rights from a thread and the programs that it starts.
//
// On Linux it is Landlock (https://docs.kernel.org/userspace-api/landlock.html) and
// PR_SET_NO_NEW_PRIVS. Both hold for a thread and what it starts, and cannot be taken back: the
// thread has to end with its goroutine, see runtime.LockOSThread.
package confine

import (
	"errors"
	"runtime"
)

// ErrUnsupported says that the kernel, or the system, has no such thing.
var ErrUnsupported = errors.New("this system cannot confine programs")

// Rules is what remains allowed. Paths that do not exist are left out.
type Rules struct {
	Read  []string // files, and folders with all that is below: to be read and run
	Write []string // the same: to be read and changed, not run
	// Below is an absolute folder in which the program may change what is there: BelowRead and
	// BelowWrite are paths in it, like Read and Write, on whose way no link is followed.
	Below                 string
	BelowRead, BelowWrite []string
	Ports                 []uint16 // TCP ports to connect to, of any host
	Net                   bool     // every port
}

// What can be taken away, in the words of [Level].
const (
	Privileges = "no new privileges"                      // set-user-id programs give none
	Files      = "files"                                  // only those of the rules
	TCP        = "TCP connections"                        // only to the ports of the rules, and none to the program; UDP and MPTCP stay open
	Processes  = "signals and abstract sockets of others" // none; but a thread of the host shares the rules, and can be sent signals
)

// Go runs f in a goroutine on a thread that ends with it, so that f can call [Thread].
func Go(f func()) {
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends
		if !isFirst() {
			f()
			return
		}
		// The first thread stands for the process: what is allowed against it is against all.
		taken := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(taken)
			f()
		}()
		<-taken
		runtime.UnlockOSThread()
	}()
}

// Level says what a kernel can take away.
type Level struct{ Active, Missing []string }

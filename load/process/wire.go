package process

import "os"

// wire is one end of the connection between host and program: a socket on Unix, where both
// files are the same, elsewhere two pipes.
type wire struct{ in, out *os.File }

func (w wire) close() {
	if w.in != nil {
		w.in.Close()
	}
	if w.out != nil && w.out != w.in {
		w.out.Close()
	}
}

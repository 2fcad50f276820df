package process

import "os"

// wire is one end of the connection between host and program: two pipes, or one socket if in
// and out are the same.
type wire struct{ in, out *os.File }

func connect() (host, theirs wire, err error) {
	if theirs.in, host.out, err = os.Pipe(); err != nil {
		return wire{}, wire{}, err
	}
	if host.in, theirs.out, err = os.Pipe(); err != nil {
		host.close()
		theirs.close()
		return wire{}, wire{}, err
	}
	enlarge(host.out)
	enlarge(theirs.out)
	return host, theirs, nil
}

// finish tells the program that nothing more comes. What it sends is still read.
func (w wire) finish() {
	if w.in == w.out {
		closeWrite(w.out)
		return
	}
	w.out.Close()
}

func (w wire) close() {
	for _, f := range []*os.File{w.in, w.out} {
		if f != nil {
			f.Close()
		}
	}
}

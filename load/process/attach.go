package process

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/manifest"
)

// attachPath returns the socket of a plugin in list, which is that of [Driver.Attach], or "".
func attachPath(list string, id manifest.ID) (found string, err error) {
	for entry := range strings.SplitSeq(list, ",") {
		if list == "" {
			break
		}
		name, path, ok := strings.Cut(entry, "=")
		if _, err := manifest.ParseID(name); err != nil || !ok || !filepath.IsAbs(path) {
			return "", contract.Errorf(contract.InvalidArgument, "attach %.300q: want ID=/PATH/OF/SOCKET, several with commas between", entry)
		}
		if name == string(id) && found == "" {
			found = path
		}
	}
	return found, nil
}

// attach opens the plugin in a process that somebody else has started and that listens at
// path. Only ctx limits how long that takes.
func (d Driver) attach(ctx context.Context, path string, im load.Image, s load.Spec) (load.Instance, error) {
	if err := ctx.Err(); err != nil {
		return nil, contract.AsError(err)
	}
	w, err := dial(path)
	if err != nil {
		return nil, contract.Errorf(contract.Unavailable, "attach %s: %w", im.Manifest.ID, err)
	}
	s.Logger().Warn("plugin is attached, not started: nothing of it was checked", "socket", path)
	i := newInstance(d, &child{wire: w, exited: make(chan struct{})}, im, s)
	if err := i.handshake(ctx, s); err != nil {
		i.asked.Store(true)
		i.child.kill()
		<-i.done
		return nil, contract.AsError(fmt.Errorf("attach %s: %w", im.Manifest.ID, err))
	}
	return i, nil
}

// attached reports whether somebody else has started the program. Of such a child only the
// connection is ours: it has exited when that has ended.
func (c *child) attached() bool { return c.cmd == nil }

// lost is called when the connection has ended.
func (c *child) lost() {
	if c.attached() {
		close(c.exited)
	}
}

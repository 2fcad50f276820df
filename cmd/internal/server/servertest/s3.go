package servertest

import (
	"context"
	"fmt"
	"go/build"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/plugstead/plugstead/cmd/internal/server/blobs"
)

// s3Program finds the S3 server, also where go install puts it.
func s3Program() string {
	if path, err := exec.LookPath("versitygw"); err == nil {
		return path
	}
	path := filepath.Join(build.Default.GOPATH, "bin", "versitygw")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

var buckets atomic.Int64

// S3 says where a new, empty bucket is, of a server that all tests of this program share.
func S3(t testing.TB) blobs.BucketOptions {
	t.Helper()
	need(t, "versitygw (an S3 server)", s3Program() != "")
	s, err := s3()
	if err != nil {
		t.Fatal(err)
	}
	o := s.options
	o.Bucket = fmt.Sprintf("test%d", buckets.Add(1))
	if err := os.Mkdir(filepath.Join(s.dir, o.Bucket), 0o700); err != nil {
		t.Fatal(err)
	}
	return o
}

type s3Server struct {
	dir     string // a folder in it is a bucket
	options blobs.BucketOptions
}

// s3 starts the server once.
var s3 = sync.OnceValues(func() (*s3Server, error) {
	dir, err := os.MkdirTemp("", "plugstead-s3-")
	if err != nil {
		return nil, err
	}
	mu.Lock()
	running = append(running, func() { os.RemoveAll(dir) })
	mu.Unlock()
	n, err := port()
	if err != nil {
		return nil, err
	}
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(n))
	o := blobs.BucketOptions{Endpoint: at, Region: "us-east-1", AccessKey: "tester", SecretKey: "not-a-secret-of-anybody", Plain: true}
	cmd := exec.Command(s3Program(), "--port", at, "posix", dir)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+o.AccessKey, "ROOT_SECRET_KEY="+o.SecretKey)
	s, err := start(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	return &s3Server{dir, o}, s.ready(context.Background(), func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", at)
		if err != nil {
			return err
		}
		return c.Close()
	})
})

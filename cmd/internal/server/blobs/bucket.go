package blobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Bucket keeps objects in a bucket of Amazon S3 or of a service that speaks its
// protocol. Objects that are not whole are never seen there.
type Bucket struct {
	c      *minio.Client
	bucket string
	prefix string
}

var _ Store = (*Bucket)(nil)

// BucketOptions say where a bucket is and who reads and writes it.
type BucketOptions struct {
	Endpoint  string // host:port
	Bucket    string // exists already
	Prefix    string // of all keys, "" or with a slash at its end
	Region    string // "": asked for
	AccessKey string // "": from the environment, a file or the machine's role, as AWS tools find it
	SecretKey string
	Plain     bool // http in place of https
	// Transport sends the requests. Default: that of the S3 library.
	Transport http.RoundTripper
}

// partSize is that of uploads in parts, in bytes; one part is in memory at a time.
const partSize = 16 << 20

// OpenBucket asks whether the bucket is there.
func OpenBucket(ctx context.Context, o BucketOptions) (*Bucket, error) {
	keys := credentials.NewStaticV4(o.AccessKey, o.SecretKey, "")
	if o.AccessKey == "" {
		keys = credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{}})
	}
	c, err := minio.New(o.Endpoint, &minio.Options{Creds: keys, Secure: !o.Plain, Region: o.Region, Transport: o.Transport})
	if err != nil {
		return nil, fmt.Errorf("object storage: %w", err)
	}
	found, err := c.BucketExists(ctx, o.Bucket)
	if err == nil && !found {
		err = errNone
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s at %s: %w", o.Bucket, o.Endpoint, err)
	}
	return &Bucket{c: c, bucket: o.Bucket, prefix: o.Prefix}, nil
}

// wrap names the object of an error and knows the one that means that there is none.
func wrap(key string, err error) error {
	if err == nil {
		return nil
	}
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
		return fmt.Errorf("object %s: %w", key, errNone)
	}
	return fmt.Errorf("object %s: %w", key, err)
}

// Put implements [Store].
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	if err := CheckKey(key); err != nil {
		return fmt.Errorf("%.80q: %w", key, err)
	}
	if size < 0 { // a small object is one request, and not three
		head, err := io.ReadAll(io.LimitReader(r, partSize))
		if err != nil {
			return wrap(key, err)
		}
		r = io.MultiReader(bytes.NewReader(head), r)
		if len(head) < partSize {
			r, size = bytes.NewReader(head), int64(len(head))
		}
	}
	_, err := b.c.PutObject(ctx, b.bucket, b.prefix+key, r, size, minio.PutObjectOptions{ContentType: "application/octet-stream", PartSize: partSize})
	return wrap(key, err)
}

// Open implements [Store].
func (b *Bucket) Open(ctx context.Context, key string) (io.ReadSeekCloser, int64, error) {
	if err := CheckKey(key); err != nil {
		return nil, 0, fmt.Errorf("%.80q: %w", key, err)
	}
	st, err := b.c.StatObject(ctx, b.bucket, b.prefix+key, minio.StatObjectOptions{})
	if err != nil {
		return nil, 0, wrap(key, err)
	}
	return &ranged{ctx: ctx, b: b, key: key, size: st.Size}, st.Size, nil
}

// ranged reads an object from where it was last told to; a request begins with the
// first read after that.
type ranged struct {
	ctx    context.Context
	b      *Bucket
	key    string
	size   int64
	offset int64
	body   io.ReadCloser
}

// Read implements io.Reader.
func (r *ranged) Read(p []byte) (int, error) {
	if r.offset >= r.size {
		return 0, io.EOF
	}
	if r.body == nil {
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	n, err := r.body.Read(p)
	r.offset += int64(n)
	if err == io.EOF && r.offset < r.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (r *ranged) open() error {
	var o minio.GetObjectOptions
	if r.offset > 0 {
		if err := o.SetRange(r.offset, 0); err != nil {
			return err
		}
	}
	body, _, _, err := minio.Core{Client: r.b.c}.GetObject(r.ctx, r.b.bucket, r.b.prefix+r.key, o)
	r.body = body
	return wrap(r.key, err)
}

// Seek implements io.Seeker.
func (r *ranged) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of an object")
	}
	if offset == r.offset {
		return offset, nil
	}
	r.offset = offset
	return offset, r.Close()
}

// Close ends the request, if one is under way.
func (r *ranged) Close() error {
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	return err
}

// Join implements [Store]. One part is copied by the service; several go through here, since
// services want parts of at least 5 MiB.
func (b *Bucket) Join(ctx context.Context, key string, parts []string) error {
	if err := CheckKey(key); err != nil {
		return fmt.Errorf("%.80q: %w", key, err)
	}
	if len(parts) != 1 {
		c := &chain{ctx: ctx, s: b, keys: parts}
		return errors.Join(b.Put(ctx, key, c, -1), c.Close())
	}
	_, err := b.c.ComposeObject(ctx, minio.CopyDestOptions{Bucket: b.bucket, Object: b.prefix + key}, minio.CopySrcOptions{Bucket: b.bucket, Object: b.prefix + parts[0]})
	return wrap(key, err)
}

// Delete implements [Store].
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return fmt.Errorf("%.80q: %w", key, err)
	}
	err := wrap(key, b.c.RemoveObject(ctx, b.bucket, b.prefix+key, minio.RemoveObjectOptions{}))
	if errors.Is(err, errNone) {
		return nil
	}
	return err
}

// List implements [Store].
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for o := range b.c.ListObjectsIter(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
			if !yield(Object{o.Key[min(len(b.prefix), len(o.Key)):], o.Size, o.LastModified}, wrap(prefix, o.Err)) || o.Err != nil {
				return
			}
		}
	}
}

// URL implements [Store]: a signed address. Services allow 1 s to 7 days.
func (b *Bucket) URL(ctx context.Context, key string, ttl time.Duration) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", fmt.Errorf("%.80q: %w", key, err)
	}
	u, err := b.c.PresignedGetObject(ctx, b.bucket, b.prefix+key, ttl, nil)
	if err != nil {
		return "", wrap(key, err)
	}
	return u.String(), nil
}

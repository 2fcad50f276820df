package artifact_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/plugstead/plugstead/artifact"
)

func TestVerify(t *testing.T) {
	d := artifact.Describe("text/plain", []byte("hello"))
	for text, ok := range map[string]bool{"hello": true, "hell": false, "hullo": false, "hello!": false, "": false} {
		for name, r := range map[string]io.Reader{
			"whole": strings.NewReader(text), "by byte": iotest.OneByteReader(strings.NewReader(text)), "data with EOF": iotest.DataErrReader(strings.NewReader(text)),
		} {
			b, err := io.ReadAll(artifact.Verify(r, d))
			if ok != (err == nil) || !ok && !errors.Is(err, artifact.ErrDigest) {
				t.Errorf("%q %s: %v", text, name, err)
			}
			if len(b) > 5 {
				t.Errorf("%q %s: passed on %d bytes", text, name, len(b))
			}
		}
	}
	broken := errors.New("broken")
	if _, err := io.ReadAll(artifact.Verify(iotest.ErrReader(broken), d)); !errors.Is(err, broken) {
		t.Error(err)
	}
	empty := artifact.Describe("text/plain", nil)
	if b, err := io.ReadAll(artifact.Verify(strings.NewReader(""), empty)); err != nil || len(b) != 0 {
		t.Error(b, err)
	}
}

func TestParseDigest(t *testing.T) {
	good := string(artifact.DigestOf(nil))
	if d, err := artifact.ParseDigest(good); err != nil || string(d) != good || len(d.Hex()) != 64 || d.Short() != good[:19] {
		t.Error(d, err)
	}
	for _, s := range []string{"", "sha256:", good[:70], good + "0", strings.ToUpper(good), "sha512:" + good[7:], "sha256:" + strings.Repeat("g", 64), "sha256:../" + good[10:]} {
		if _, err := artifact.ParseDigest(s); err == nil {
			t.Errorf("%q accepted", s)
		}
	}
}

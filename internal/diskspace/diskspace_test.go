package diskspace

import (
	"errors"
	"math"
	"path/filepath"
	"testing"
)

func TestFree(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "not", "there", "yet"), "."} {
		n, err := Free(path)
		if errors.Is(err, ErrUnknown) {
			continue
		}
		if err != nil || n < 0 {
			t.Errorf("%s: %d, %v", path, n, err)
		}
	}
	if _, err := Free("bad\x00name"); err == nil {
		t.Error("a name with a zero byte")
	}
}

func TestProduct(t *testing.T) {
	for _, c := range []struct {
		a, b uint64
		want int64
	}{
		{0, 0, 0},
		{5, 0, 0},
		{0, 5, 0},
		{3, 4096, 12288},
		{math.MaxInt64, 1, math.MaxInt64},
		{math.MaxUint64, 1, math.MaxInt64},
		{1 << 40, 1 << 40, math.MaxInt64},
		{1 << 62, 2, math.MaxInt64},
	} {
		if got := product(c.a, c.b); got != c.want {
			t.Errorf("%d times %d: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

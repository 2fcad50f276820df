package figures_test

import (
	"math"
	"testing"
	"time"

	"github.com/plugstead/plugstead/internal/figures"
)

func TestTarget(t *testing.T) {
	for want, target := range map[string]figures.Target{
		"target a 0.4 <= 0.4 ok":     {Name: "a", Value: 0.4, Bound: 0.4},
		"target a 0.5 <= 0.4 MISSED": {Name: "a", Value: 0.5, Bound: 0.4},
		"target a NaN <= 1 MISSED":   {Name: "a", Value: math.NaN(), Bound: 1},
		"target a NaN >= 1 MISSED":   {Name: "a", Value: math.NaN(), Bound: 1, AtLeast: true},
		"target a 301 >= 300 ok":     {Name: "a", Value: 301, Bound: 300, AtLeast: true},
		"target a 299 >= 300 MISSED": {Name: "a", Value: 299, Bound: 300, AtLeast: true},
	} {
		if got := target.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPercentiles(t *testing.T) {
	var list []time.Duration
	for i := range 100 {
		list = append(list, time.Duration(99-i))
	}
	if a, b, c := figures.P10(list), figures.Median(list), figures.P99(list); a != 10 || b != 50 || c != 99 {
		t.Error(a, b, c)
	}
}

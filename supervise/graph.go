package supervise

import (
	"sync"

	"github.com/plugstead/plugstead/load"
)

// atOnce is how many plugins are started or stopped at the same time.
const atOnce = 8

// inOrder runs f for 0 to n-1, several at once. f(i) begins when f has returned for all
// that after(i) names, which are smaller than i. After an error no further f begins. It
// calls failed once and returns the error that came first: those of others may follow from it.
func inOrder(n int, after func(i int) []int, f func(i int) error, failed func()) error {
	ended := make([]chan struct{}, n)
	for i := range ended {
		ended[i] = make(chan struct{})
	}
	room := make(chan struct{}, atOnce)
	var first error
	stop, once := make(chan struct{}), sync.Once{}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			defer close(ended[i])
			for _, j := range after(i) {
				<-ended[j]
			}
			room <- struct{}{}
			defer func() { <-room }()
			select {
			case <-stop:
				return
			default:
			}
			if err := f(i); err != nil {
				once.Do(func() {
					first = err
					close(stop)
					failed()
				})
			}
		})
	}
	all.Wait()
	return first
}

// requiredBefore returns which of images[:i] images[i] requires.
func requiredBefore(images []load.Image, i int) (out []int) {
	for j := range i {
		if requires(images[i], images[j]) {
			out = append(out, j)
		}
	}
	return out
}

func requires(a, b load.Image) bool {
	for _, n := range a.Manifest.Requires {
		if n.ID == b.Manifest.ID {
			return true
		}
	}
	for _, list := range a.Manifest.AnyOf {
		for _, n := range list {
			if n.ID == b.Manifest.ID {
				return true
			}
		}
	}
	return false
}

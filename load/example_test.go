package load_test

import (
	"context"
	"fmt"

	"github.com/plugstead/plugstead/contract"
	"github.com/plugstead/plugstead/load"
	"github.com/plugstead/plugstead/load/inproc"
	"github.com/plugstead/plugstead/sdk"
)

var (
	upperPoint = contract.Define("acme.dev/upper", 1, 0)
	upper      = contract.Unary[string, string](upperPoint, "Upper")
	prefix     = contract.Unary[string, string](contract.Define("acme.dev/settings", 1, 0), "Prefix")
)

func init() {
	sdk.Register("acme/upper", upper.Handle(func(ctx context.Context, s string) (string, error) {
		p, err := prefix.Call(ctx, sdk.From(ctx).Host, "upper")
		return p + s + "!", err
	}))
}

func Example() {
	ctx := context.Background()
	settings := prefix.Handle(func(ctx context.Context, key string) (string, error) {
		return fmt.Sprintf("%s of %s: ", key, load.Caller(ctx)), nil
	})
	for _, im := range inproc.Linked() {
		in, err := inproc.Driver{}.Start(ctx, im, load.Spec{Host: []contract.Handler{settings}})
		if err != nil {
			fmt.Println(err)
			return
		}
		text, err := upper.Call(ctx, in, "text")
		fmt.Println(text, err)
		fmt.Println(in.Stop(ctx), in.Close())
	}
	// Output:
	// upper of acme/upper: text! <nil>
	// <nil> <nil>
}

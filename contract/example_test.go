package contract_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/plugstead/plugstead/contract"
)

// A point, as an application shares it with its plugins.
var (
	point = contract.Define("acme.dev/greeter", 1, 0)
	greet = contract.Unary[string, string](point, "Greet")
)

func Example() {
	handler := greet.Handle(func(_ context.Context, name string) (string, error) {
		if name == "" {
			return "", contract.Errorf(contract.InvalidArgument, "no name").Because("NO_NAME")
		}
		return "hello, " + name, nil
	})
	fmt.Println(point, handler.Method.Path())
	var answer string
	err := handler.Invoke(context.Background(), new("Ada"), &answer)
	fmt.Println(answer, err)
	err = handler.Invoke(context.Background(), new(""), &answer)
	fmt.Println(errors.Is(err, contract.InvalidArgument), err)
	// Output:
	// acme.dev/greeter@1.0 /acme.dev/greeter.v1/Greet
	// hello, Ada <nil>
	// true no name
}

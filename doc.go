// Package plugstead gives an application plugins: find, install, start, call,
// update and roll back.
//
// An application defines extension points with package contract, opens a [Host]
// and calls the plugins that implement them:
//
//	h, err := plugstead.Open(ctx, plugstead.Options{App: "acme", Version: "2.4.0", Points: []*contract.Point{greeter.Point}})
//	err = h.Install(ctx, "acme/hello@^1")
//	err = h.Start(ctx)
//	for p := range h.Plugins(greeter.Point) {
//		out, err := greeter.Greet.Call(ctx, p, greeter.GreetRequest{Name: "Ada"})
//	}
//
// The packages below follow a plugin on its way, one a step: publish, store, index,
// resolve, fetch, verify, install, load, supervise, update. ARCHITECTURE.md shows
// how they fit together.
package plugstead

package guest

import (
	"context"

	"github.com/plugstead/plugstead/contract"
)

// Start opens an instance. A panic of the plugin becomes an error.
func (r *Registration) Start(ctx context.Context, e *Env, decode Decode) (in *Instance, err error) {
	defer contract.Recover(&err)
	in, err = r.Open(With(ctx, e), e, decode)
	if err != nil {
		return nil, contract.AsError(err)
	}
	return in, nil
}

// Run calls an optional function of the lifecycle. A panic becomes an error.
func Run(ctx context.Context, f func(context.Context) error) (err error) {
	if f == nil {
		return nil
	}
	defer contract.Recover(&err)
	if err := f(ctx); err != nil {
		return contract.AsError(err)
	}
	return nil
}

// Reconfigure hands a new configuration to a running instance. It gives an
// Unimplemented error if the plugin has to be started anew.
func (in *Instance) Reconfigure(ctx context.Context, decode Decode) error {
	if in.Configure == nil {
		return contract.Errorf(contract.Unimplemented, "the plugin takes a configuration only when it starts")
	}
	return Run(ctx, func(ctx context.Context) error { return in.Configure(ctx, decode) })
}

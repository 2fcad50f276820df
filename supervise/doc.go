// Package supervise is step 9 of 10: it keeps plugins callable while their
// instances come and go.
//
// A [Plugin] is a name that callers hold on to. Behind it stands one running
// instance at a time. A swap starts the new instance beside the old one, checks
// its health, switches, lets calls that are under way finish on the old one, and
// stops it: no call is lost. An instance that ends by itself is started again,
// with growing pauses, until a budget is spent.
package supervise

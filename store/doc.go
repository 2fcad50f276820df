// Package store is step 2 of 10: it keeps bytes by digest, and names for them.
//
// It does not interpret what it keeps: an artifact, its index and its signatures
// are all bytes. Implementations are in store/disk and store/mem; the suite in
// store/storetest runs over both.
package store

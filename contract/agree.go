package contract

// CheckAgreement compares m, as its caller knows it, with what an implementer says of
// it: the minor version of its point, and a fingerprint, zero if it states none. With
// equal minor versions the fingerprints must be equal. With different ones they may
// differ, because a minor version adds fields.
//
// The error is FailedPrecondition with [ReasonMismatch], and names the method.
func CheckAgreement(m *Method, minor int, fingerprint uint64) error {
	mine := m.Fingerprint()
	if mine == fingerprint || mine == 0 || fingerprint == 0 || m.point.minor != minor {
		return nil
	}
	return Errorf(FailedPrecondition,
		"%s: both sides have minor version %d of the contract but other types (%016x here, %016x there); a change of types needs a new minor version",
		m.path, minor, mine, fingerprint).Because(ReasonMismatch)
}

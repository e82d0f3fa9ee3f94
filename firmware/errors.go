package firmware

import (
	"errors"

	"github.com/p4dev/p4dev/firmware/pldm"
)

// FormatError says what is wrong with a package and where: byte offset, section, cause.
type FormatError = pldm.FormatError

// Errors that callers tell apart; they come wrapped.
var (
	// ErrNotPackage: a PLDM package, but none with p4dev's manifest. pldm.Read can still show it.
	ErrNotPackage = errors.New("not a p4dev package")
	// ErrDigest: a component's bytes do not have the SHA-256 that the manifest says.
	ErrDigest = errors.New("SHA-256 does not match the manifest")
	// ErrTooLarge: more bytes than the limit allows, after decompression where there is one.
	ErrTooLarge = errors.New("too large")
	// ErrOpaque: the package holds no pipeline, so nothing can be said of what the image does.
	ErrOpaque = errors.New("package holds no pipeline")
	// ErrMismatch: the package holds no image for the device.
	ErrMismatch = errors.New("no image for this device")
	// ErrVersion: a text is no version that can be compared.
	ErrVersion = errors.New("not a version")
	// ErrUnsigned: there is no signature.
	ErrUnsigned = errors.New("not signed")
	// ErrBadSignature: a signature that is damaged, of other bytes, or for another purpose.
	ErrBadSignature = errors.New("bad signature")
	// ErrUntrusted: a good signature, but by nobody who may sign now.
	ErrUntrusted = errors.New("signer is not allowed")
)

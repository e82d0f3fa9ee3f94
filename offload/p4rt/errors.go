package p4rt

import (
	"errors"
	"fmt"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// ErrorSpace is the space of the vendor codes in the p4.Error messages of a Server. A code is the place of a
// sentinel of firmware/pipeline in the order of sentinels, from 1; 0 where the error wraps none of them.
const ErrorSpace = "p4dev"

// sentinel is an error of firmware/pipeline with the canonical code that stands for it.
type sentinel struct {
	err  error
	code codes.Code
}

// sentinels returns the shared errors. The order is part of the protocol: only append.
func sentinels() []sentinel {
	return []sentinel{
		{pipeline.ErrNoTable, codes.InvalidArgument},
		{pipeline.ErrNoAction, codes.InvalidArgument},
		{pipeline.ErrBadMatch, codes.InvalidArgument},
		{pipeline.ErrBadAction, codes.InvalidArgument},
		{pipeline.ErrBadRange, codes.OutOfRange},
		{pipeline.ErrExists, codes.AlreadyExists},
		{pipeline.ErrNotFound, codes.NotFound},
		{pipeline.ErrTableFull, codes.ResourceExhausted},
		{pipeline.ErrImmutable, codes.PermissionDenied},
		{pipeline.ErrNoPriority, codes.InvalidArgument},
		{errors.ErrUnsupported, codes.Unimplemented},
		{pipeline.ErrNoObject, codes.InvalidArgument},
		{pipeline.ErrInUse, codes.FailedPrecondition},
	}
}

// codedError gives an error a canonical code that its sentinel does not imply.
type codedError struct {
	code codes.Code
	err  error
}

func withCode(code codes.Code, err error) error { return &codedError{code, err} }

// Error returns the wrapped error's text.
func (e *codedError) Error() string { return e.err.Error() }

// Unwrap returns the wrapped error.
func (e *codedError) Unwrap() error { return e.err }

// EncodeError returns an error as the p4.Error of one update: the canonical code that the specification asks
// for, the text, and the sentinel as a vendor code in ErrorSpace. Nil becomes code OK without more.
func EncodeError(err error) *p4v1.Error {
	if err == nil {
		return &p4v1.Error{CanonicalCode: int32(codes.OK)}
	}
	pe := &p4v1.Error{CanonicalCode: int32(codes.Internal), Message: err.Error(), Space: ErrorSpace}
	for i, s := range sentinels() {
		if errors.Is(err, s.err) {
			pe.CanonicalCode, pe.Code = int32(s.code), int32(i+1)
			break
		}
	}
	var coded *codedError
	if errors.As(err, &coded) {
		pe.CanonicalCode = int32(coded.code)
	} else if st, ok := status.FromError(err); ok && pe.Code == 0 {
		pe.CanonicalCode = int32(st.Code())
	}
	return pe
}

// DecodeError returns the error that a p4.Error stands for, nil for code OK. It wraps the sentinel that the
// other side named; of a server that does not speak ErrorSpace, the one that the canonical code implies, where
// INVALID_ARGUMENT and UNIMPLEMENTED are errors.ErrUnsupported: such a device does not take the entry, and does
// not say which part of it.
func DecodeError(pe *p4v1.Error) error {
	if pe.GetCanonicalCode() == int32(codes.OK) {
		return nil
	}
	code := codes.Code(pe.GetCanonicalCode())
	text := pe.GetMessage()
	if text == "" {
		text = code.String()
	}
	return &UpdateError{Code: code, Message: text, Err: decodeSentinel(pe, code)}
}

func decodeSentinel(pe *p4v1.Error, code codes.Code) error {
	list := sentinels()
	if n := int(pe.GetCode()); pe.GetSpace() == ErrorSpace {
		if n >= 1 && n <= len(list) {
			return list[n-1].err
		}
		return nil
	}
	if code == codes.InvalidArgument {
		return errors.ErrUnsupported
	}
	for _, s := range list {
		if s.code == code {
			return s.err
		}
	}
	return nil
}

// UpdateError is what a server said about one update of a write.
type UpdateError struct {
	Code    codes.Code
	Message string // the server's own words
	Err     error  // the sentinel that it stands for, or nil
}

// Error returns the server's words.
func (e *UpdateError) Error() string { return e.Message }

// Unwrap returns the sentinel.
func (e *UpdateError) Unwrap() error { return e.Err }

// WriteErrors takes the error of a Write of n updates apart. For an error of the whole call rpc is set and
// each is nil; otherwise each has n elements, nil for updates that were done.
func WriteErrors(err error, n int) (each []error, rpc error) {
	if err == nil {
		return make([]error, n), nil
	}
	st, ok := status.FromError(err)
	if !ok || st.Code() != codes.Unknown {
		return nil, err
	}
	details := st.Details()
	if len(details) != n || n == 0 {
		return nil, fmt.Errorf("%w (%d details for %d updates)", err, len(details), n)
	}
	each = make([]error, n)
	for i, d := range details {
		pe, ok := d.(*p4v1.Error)
		if !ok {
			return nil, fmt.Errorf("%w (detail %d is a %T)", err, i, d)
		}
		each[i] = DecodeError(pe)
	}
	return each, nil
}

// batchStatus returns the status of a Write or Read in which some element failed: UNKNOWN with one p4.Error per
// element, in order ("Error Reporting"). It is nil where none failed.
func batchStatus(what string, each []error) error {
	failed := 0
	st := status.New(codes.Unknown, what)
	proto := st.Proto()
	for _, err := range each {
		if err != nil {
			failed++
		}
		detail, merr := anypb.New(EncodeError(err))
		if merr != nil {
			return status.Errorf(codes.Internal, "p4rt: encode error detail: %v", merr)
		}
		proto.Details = append(proto.Details, detail)
	}
	if failed == 0 {
		return nil
	}
	proto.Message = fmt.Sprintf("%s: %d of %d failed", what, failed, len(each))
	return status.ErrorProto(proto)
}

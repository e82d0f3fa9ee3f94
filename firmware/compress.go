package firmware

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// zstdWindow is the window of the frames that we write, in bytes: a reader needs no more memory than this
// beside its output.
const zstdWindow = 1 << 20

// compressZstd returns data as one zstd frame. Every option that the output depends on is set, so that the
// same input makes the same bytes; the number of processors is not among them.
func compressZstd(data []byte) ([]byte, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithWindowSize(zstdWindow), zstd.WithEncoderCRC(true), zstd.WithSingleSegment(false))
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return enc.EncodeAll(data, nil), nil
}

// decompressZstd reads all frames of r into at most limit bytes; more is ErrTooLarge. Memory beside the output
// is bounded too, whatever window a frame asks for.
func decompressZstd(r io.Reader, limit int64) ([]byte, error) {
	dec, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(min(max(limit, 1<<10), 128<<20))), zstd.WithDecoderMaxMemory(uint64(max(limit, 1<<20))))
	if err != nil {
		return nil, fmt.Errorf("decompress zstd: %w", err)
	}
	defer dec.Close()
	data, err := readLimited(dec, limit)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("decompress zstd: %w", err)
	}
	return data, nil
}

// decompressXZ is decompressZstd for xz.
func decompressXZ(r io.Reader, limit int64) ([]byte, error) {
	dec, err := xz.ReaderConfig{DictCap: int(min(max(limit, 1<<12), 64<<20))}.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("decompress xz: %w", err)
	}
	data, err := readLimited(dec, limit)
	if err != nil {
		return nil, fmt.Errorf("decompress xz: %w", err)
	}
	return data, nil
}

// readLimited reads r to its end, at most limit bytes; more is ErrTooLarge.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return b.Bytes(), nil
}

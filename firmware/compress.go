package firmware

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
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

// maxXZDictionary is the largest dictionary of an xz file that is read, in bytes: that of "xz -9".
const maxXZDictionary = 64 << 20

// decompressXZ is decompressZstd for xz.
func decompressXZ(r io.Reader, limit int64) ([]byte, error) {
	in := bufio.NewReaderSize(r, xzHeaders)
	head, _ := in.Peek(xzHeaders)
	if n := xzDictionary(head); n > maxXZDictionary {
		return nil, fmt.Errorf("decompress xz: %w: dictionary of %d bytes, at most %d", ErrTooLarge, n, maxXZDictionary)
	}
	dec, err := xz.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("decompress xz: %w", err)
	}
	data, err := readLimited(dec, limit)
	if err != nil {
		return nil, fmt.Errorf("decompress xz: %w", err)
	}
	return data, nil
}

// xzHeaders is how many bytes the header of an xz stream and that of its first block have at most.
const xzHeaders = 12 + 1024

// xzDictionary returns the size of the dictionary that the first block of an xz stream asks for, 0 where it is not
// plain. The decoder allocates what a file asks for, and blocks of one file ask for the same, so that this is
// where an absurd file can be told.
func xzDictionary(head []byte) int64 {
	if len(head) < 12+2 {
		return 0
	}
	block := bytes.NewReader(head[13:])
	flags, _ := block.ReadByte()
	for _, optional := range []byte{0x40, 0x80} { // compressed size, uncompressed size
		if flags&optional != 0 {
			if _, err := binary.ReadUvarint(block); err != nil {
				return 0
			}
		}
	}
	var filter [3]byte // LZMA2: identifier, one byte of properties
	if _, err := io.ReadFull(block, filter[:]); err != nil || filter[0] != 0x21 || filter[1] != 1 {
		return 0
	}
	n, err := lzma.DecodeDictCap(filter[2])
	if err != nil {
		return 0
	}
	return n
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

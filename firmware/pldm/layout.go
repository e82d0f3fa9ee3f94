package pldm

import (
	"encoding/binary"
	"time"
)

// Sizes in bytes of the fixed parts of the header, and places in it.
const (
	fixedHeaderSize    = 36 // up to the package version string
	fixedRecordSize    = 11
	fixedTLVSize       = 4
	fixedComponentSize = 22
	checksumSize       = 4
	minHeaderSize      = fixedHeaderSize + 1 + 2 + checksumSize // no strings, records and components

	revisionOffset   = 16
	headerSizeOffset = 17
	bitmapOffset     = 32

	revision = 1
)

// The first 16 bytes of a package, by header format revision.
const (
	identifier1 = "\xf0\x18\x87\x8c\xcb\x7d\x49\x43\x98\x00\xa0\x2f\x05\x9a\xca\x02"
	identifier2 = "\x12\x44\xd2\x64\x8d\x7d\x47\x18\xa0\x30\xfc\x8a\x56\x58\x7d\x5a"
	identifier3 = "\x31\x19\xce\x2f\xe8\x0a\x4a\x99\xaf\x6d\x46\xf8\xb1\x21\xf6\xbf"
	identifier4 = "\x7b\x29\x1c\x99\x6d\xb6\x42\x08\x80\x1b\x02\x02\xe6\x46\x3c\x78"
)

// timestamp104 of DSP0240: UTC offset in minutes (2 bytes), microseconds (3), second, minute, hour, day,
// month, year (2), and resolutions: UTC offset in the upper half of the last byte, time in the lower.
const (
	timestampSize       = 13
	resolutionOfMinutes = 1 // of the UTC offset
	resolutionOfSeconds = 6 // of the time
)

func appendTimestamp(b []byte, t time.Time) []byte {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	t = t.UTC()
	b = append(b, 0, 0, 0, 0, 0)
	b = append(b, byte(t.Second()), byte(t.Minute()), byte(t.Hour()), byte(t.Day()), byte(t.Month()))
	b = binary.LittleEndian.AppendUint16(b, uint16(t.Year()))
	return append(b, resolutionOfMinutes<<4|resolutionOfSeconds)
}

// timestamp decodes a timestamp104; what is no date becomes the zero time, for vendors leave the field empty.
func timestamp(b []byte) time.Time {
	second, minute, hour, day, month := b[5], b[6], b[7], b[8], b[9]
	year := int(binary.LittleEndian.Uint16(b[10:]))
	zone := time.Duration(int16(binary.LittleEndian.Uint16(b))) * time.Minute
	t := time.Date(year, time.Month(month), int(day), int(hour), int(minute), int(second), 0, time.UTC)
	if month == 0 || t.Month() != time.Month(month) || t.Day() != int(day) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}
	}
	return t.Add(-zone)
}

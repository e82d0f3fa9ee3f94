package devlink

import (
	"context"

	"github.com/mdlayher/netlink"
)

// A Selftest is a test that a device can run on itself (enum devlink_attr_selftest_id).
type Selftest uint32

// SelftestFlash tests the flash.
const SelftestFlash Selftest = 1

var selftestNames = []string{"", "flash"}

// String returns the word of "devlink dev selftests show".
func (s Selftest) String() string { return enumString(selftestNames, s) }

// MarshalText implements encoding.TextMarshaler.
func (s Selftest) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Selftest) UnmarshalText(text []byte) (err error) {
	*s, err = parseEnum[Selftest]("self-test", selftestNames, text)
	return err
}

// A SelftestStatus is how a test went (enum devlink_selftest_status).
type SelftestStatus uint8

// The outcomes of a test.
const (
	SelftestSkip SelftestStatus = iota
	SelftestPass
	SelftestFail
)

var selftestStatusNames = []string{"skipped", "passed", "failed"}

// String returns the word of "devlink dev selftests run".
func (s SelftestStatus) String() string { return enumString(selftestStatusNames, s) }

// MarshalText implements encoding.TextMarshaler.
func (s SelftestStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Attributes nested in DEVLINK_ATTR_SELFTESTS of a result (enum devlink_attr_selftest_result).
const (
	selftestResult       = 1
	selftestResultID     = 2
	selftestResultStatus = 3
)

// Selftests lists the tests that a device can run.
func (c *Client) Selftests(ctx context.Context, h Handle) ([]Selftest, error) {
	return single(ctx, c, &request{op: "list self-tests", device: h, cmd: CmdSelftestsGet}, decodeSelftests)
}

// RunSelftests runs tests and returns how each went. It blocks as long as they take; traffic may stop meanwhile.
func (c *Client) RunSelftests(ctx context.Context, h Handle, tests ...Selftest) (map[Selftest]SelftestStatus, error) {
	return single(ctx, c, &request{
		op: "run self-tests", device: h, cmd: CmdSelftestsRun,
		attrs: func(ae *netlink.AttributeEncoder) {
			ae.Nested(attrSelftests, func(ae *netlink.AttributeEncoder) error {
				for _, t := range tests {
					ae.Flag(uint16(t), true)
				}
				return nil
			})
		},
	}, decodeSelftestResults)
}

// decodeSelftests reads a DEVLINK_CMD_SELFTESTS_GET reply.
func decodeSelftests(attrs []byte) ([]Selftest, error) {
	var out []Selftest
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		if ad.Type() == attrSelftests {
			nest(ad, func(ad *netlink.AttributeDecoder) { out = append(out, Selftest(ad.Type())) })
		}
	})
	return out, err
}

// decodeSelftestResults reads a DEVLINK_CMD_SELFTESTS_RUN reply.
func decodeSelftestResults(attrs []byte) (map[Selftest]SelftestStatus, error) {
	out := make(map[Selftest]SelftestStatus)
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		if ad.Type() != attrSelftests {
			return
		}
		nest(ad, func(ad *netlink.AttributeDecoder) {
			if ad.Type() != selftestResult {
				return
			}
			var id Selftest
			var status SelftestStatus
			nest(ad, func(ad *netlink.AttributeDecoder) {
				switch ad.Type() {
				case selftestResultID:
					id = Selftest(ad.Uint32())
				case selftestResultStatus:
					status = SelftestStatus(ad.Uint8())
				}
			})
			out[id] = status
		})
	})
	return out, err
}

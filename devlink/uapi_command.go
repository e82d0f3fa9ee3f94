package devlink

import "strconv"

// A Command is a devlink generic netlink command: what a request asks for and what a notification reports
// (enum devlink_command in linux/devlink.h). The values are ABI and never change.
type Command uint8

// The commands of linux/devlink.h as of Linux 6.19.
const (
	CmdUnspec Command = iota
	CmdGet
	CmdSet
	CmdNew
	CmdDel
	CmdPortGet
	CmdPortSet
	CmdPortNew
	CmdPortDel
	CmdPortSplit
	CmdPortUnsplit
	CmdSbGet
	CmdSbSet
	CmdSbNew
	CmdSbDel
	CmdSbPoolGet
	CmdSbPoolSet
	CmdSbPoolNew
	CmdSbPoolDel
	CmdSbPortPoolGet
	CmdSbPortPoolSet
	CmdSbPortPoolNew
	CmdSbPortPoolDel
	CmdSbTcPoolBindGet
	CmdSbTcPoolBindSet
	CmdSbTcPoolBindNew
	CmdSbTcPoolBindDel
	CmdSbOccSnapshot
	CmdSbOccMaxClear
	CmdEswitchGet
	CmdEswitchSet
	CmdDpipeTableGet
	CmdDpipeEntriesGet
	CmdDpipeHeadersGet
	CmdDpipeTableCountersSet
	CmdResourceSet
	CmdResourceDump
	CmdReload
	CmdParamGet
	CmdParamSet
	CmdParamNew
	CmdParamDel
	CmdRegionGet
	CmdRegionSet
	CmdRegionNew
	CmdRegionDel
	CmdRegionRead
	CmdPortParamGet
	CmdPortParamSet
	CmdPortParamNew
	CmdPortParamDel
	CmdInfoGet
	CmdHealthReporterGet
	CmdHealthReporterSet
	CmdHealthReporterRecover
	CmdHealthReporterDiagnose
	CmdHealthReporterDumpGet
	CmdHealthReporterDumpClear
	CmdFlashUpdate
	CmdFlashUpdateEnd
	CmdFlashUpdateStatus
	CmdTrapGet
	CmdTrapSet
	CmdTrapNew
	CmdTrapDel
	CmdTrapGroupGet
	CmdTrapGroupSet
	CmdTrapGroupNew
	CmdTrapGroupDel
	CmdTrapPolicerGet
	CmdTrapPolicerSet
	CmdTrapPolicerNew
	CmdTrapPolicerDel
	CmdHealthReporterTest
	CmdRateGet
	CmdRateSet
	CmdRateNew
	CmdRateDel
	CmdLinecardGet
	CmdLinecardSet
	CmdLinecardNew
	CmdLinecardDel
	CmdSelftestsGet
	CmdSelftestsRun
	CmdNotifyFilterSet
)

// commandNames holds the uapi names without their DEVLINK_CMD_ prefix.
var commandNames = [...]string{
	CmdUnspec:                  "UNSPEC",
	CmdGet:                     "GET",
	CmdSet:                     "SET",
	CmdNew:                     "NEW",
	CmdDel:                     "DEL",
	CmdPortGet:                 "PORT_GET",
	CmdPortSet:                 "PORT_SET",
	CmdPortNew:                 "PORT_NEW",
	CmdPortDel:                 "PORT_DEL",
	CmdPortSplit:               "PORT_SPLIT",
	CmdPortUnsplit:             "PORT_UNSPLIT",
	CmdSbGet:                   "SB_GET",
	CmdSbSet:                   "SB_SET",
	CmdSbNew:                   "SB_NEW",
	CmdSbDel:                   "SB_DEL",
	CmdSbPoolGet:               "SB_POOL_GET",
	CmdSbPoolSet:               "SB_POOL_SET",
	CmdSbPoolNew:               "SB_POOL_NEW",
	CmdSbPoolDel:               "SB_POOL_DEL",
	CmdSbPortPoolGet:           "SB_PORT_POOL_GET",
	CmdSbPortPoolSet:           "SB_PORT_POOL_SET",
	CmdSbPortPoolNew:           "SB_PORT_POOL_NEW",
	CmdSbPortPoolDel:           "SB_PORT_POOL_DEL",
	CmdSbTcPoolBindGet:         "SB_TC_POOL_BIND_GET",
	CmdSbTcPoolBindSet:         "SB_TC_POOL_BIND_SET",
	CmdSbTcPoolBindNew:         "SB_TC_POOL_BIND_NEW",
	CmdSbTcPoolBindDel:         "SB_TC_POOL_BIND_DEL",
	CmdSbOccSnapshot:           "SB_OCC_SNAPSHOT",
	CmdSbOccMaxClear:           "SB_OCC_MAX_CLEAR",
	CmdEswitchGet:              "ESWITCH_GET",
	CmdEswitchSet:              "ESWITCH_SET",
	CmdDpipeTableGet:           "DPIPE_TABLE_GET",
	CmdDpipeEntriesGet:         "DPIPE_ENTRIES_GET",
	CmdDpipeHeadersGet:         "DPIPE_HEADERS_GET",
	CmdDpipeTableCountersSet:   "DPIPE_TABLE_COUNTERS_SET",
	CmdResourceSet:             "RESOURCE_SET",
	CmdResourceDump:            "RESOURCE_DUMP",
	CmdReload:                  "RELOAD",
	CmdParamGet:                "PARAM_GET",
	CmdParamSet:                "PARAM_SET",
	CmdParamNew:                "PARAM_NEW",
	CmdParamDel:                "PARAM_DEL",
	CmdRegionGet:               "REGION_GET",
	CmdRegionSet:               "REGION_SET",
	CmdRegionNew:               "REGION_NEW",
	CmdRegionDel:               "REGION_DEL",
	CmdRegionRead:              "REGION_READ",
	CmdPortParamGet:            "PORT_PARAM_GET",
	CmdPortParamSet:            "PORT_PARAM_SET",
	CmdPortParamNew:            "PORT_PARAM_NEW",
	CmdPortParamDel:            "PORT_PARAM_DEL",
	CmdInfoGet:                 "INFO_GET",
	CmdHealthReporterGet:       "HEALTH_REPORTER_GET",
	CmdHealthReporterSet:       "HEALTH_REPORTER_SET",
	CmdHealthReporterRecover:   "HEALTH_REPORTER_RECOVER",
	CmdHealthReporterDiagnose:  "HEALTH_REPORTER_DIAGNOSE",
	CmdHealthReporterDumpGet:   "HEALTH_REPORTER_DUMP_GET",
	CmdHealthReporterDumpClear: "HEALTH_REPORTER_DUMP_CLEAR",
	CmdFlashUpdate:             "FLASH_UPDATE",
	CmdFlashUpdateEnd:          "FLASH_UPDATE_END",
	CmdFlashUpdateStatus:       "FLASH_UPDATE_STATUS",
	CmdTrapGet:                 "TRAP_GET",
	CmdTrapSet:                 "TRAP_SET",
	CmdTrapNew:                 "TRAP_NEW",
	CmdTrapDel:                 "TRAP_DEL",
	CmdTrapGroupGet:            "TRAP_GROUP_GET",
	CmdTrapGroupSet:            "TRAP_GROUP_SET",
	CmdTrapGroupNew:            "TRAP_GROUP_NEW",
	CmdTrapGroupDel:            "TRAP_GROUP_DEL",
	CmdTrapPolicerGet:          "TRAP_POLICER_GET",
	CmdTrapPolicerSet:          "TRAP_POLICER_SET",
	CmdTrapPolicerNew:          "TRAP_POLICER_NEW",
	CmdTrapPolicerDel:          "TRAP_POLICER_DEL",
	CmdHealthReporterTest:      "HEALTH_REPORTER_TEST",
	CmdRateGet:                 "RATE_GET",
	CmdRateSet:                 "RATE_SET",
	CmdRateNew:                 "RATE_NEW",
	CmdRateDel:                 "RATE_DEL",
	CmdLinecardGet:             "LINECARD_GET",
	CmdLinecardSet:             "LINECARD_SET",
	CmdLinecardNew:             "LINECARD_NEW",
	CmdLinecardDel:             "LINECARD_DEL",
	CmdSelftestsGet:            "SELFTESTS_GET",
	CmdSelftestsRun:            "SELFTESTS_RUN",
	CmdNotifyFilterSet:         "NOTIFY_FILTER_SET",
}

// String returns the uapi name without its DEVLINK_CMD_ prefix, or "CMD_n" for a command this package does not know.
func (c Command) String() string {
	if int(c) < len(commandNames) {
		return commandNames[c]
	}
	return "CMD_" + strconv.Itoa(int(c))
}

// MarshalText implements encoding.TextMarshaler.
func (c Command) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

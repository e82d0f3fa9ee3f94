package sim

// linux/netlink.h.
const (
	nlmsgHdrLen = 16
	genlHdrLen  = 4
	nlaHdrLen   = 4

	nlmsgError   = 2
	nlmsgDone    = 3
	nlmsgOverrun = 4
	nlmsgMin     = 16 // types below are control messages

	flagRequest      = 0x001
	flagMulti        = 0x002
	flagAck          = 0x004
	flagDumpIntr     = 0x010
	flagDumpFiltered = 0x020
	flagCapped       = 0x100
	flagAckTLVs      = 0x200
	flagDump         = 0x300 // of requests: NLM_F_ROOT | NLM_F_MATCH

	errAttrMsg      = 1
	errAttrOffset   = 2
	errAttrMissType = 5

	nlaNested   = 0x8000
	nlaTypeMask = 0x3fff
)

// linux/genetlink.h.
const (
	ctrlID = 16

	ctrlCmdNewFamily = 1
	ctrlCmdGetFamily = 3

	ctrlFamilyID    = 1
	ctrlFamilyName  = 2
	ctrlVersion     = 3
	ctrlHdrSize     = 4
	ctrlMaxAttr     = 5
	ctrlOps         = 6
	ctrlMcastGroups = 7

	ctrlOpID    = 1
	ctrlOpFlags = 2

	ctrlGroupName = 1
	ctrlGroupID   = 2

	capAdmin  = 0x01 // GENL_ADMIN_PERM
	capDo     = 0x02
	capDump   = 0x04
	capPolicy = 0x08
)

// skbSize is how much one datagram of the kernel holds: a page without the bookkeeping of an skb.
const skbSize = 3776

// regionChunk is DEVLINK_REGION_READ_CHUNK_SIZE, in bytes.
const regionChunk = 256

// DEVLINK_CMD_*.
const (
	cmdGet              = 1
	cmdNew              = 3
	cmdDel              = 4
	cmdPortGet          = 5
	cmdPortNew          = 7
	cmdPortDel          = 8
	cmdDpipeTableGet    = 31
	cmdDpipeEntriesGet  = 32
	cmdDpipeHeadersGet  = 33
	cmdDpipeCountersSet = 34
	cmdResourceSet      = 35
	cmdResourceDump     = 36
	cmdReload           = 37
	cmdParamGet         = 38
	cmdParamSet         = 39
	cmdParamNew         = 40
	cmdParamDel         = 41
	cmdRegionGet        = 42
	cmdRegionNew        = 44
	cmdRegionDel        = 45
	cmdRegionRead       = 46
	cmdInfoGet          = 51
	cmdHealthGet        = 52
	cmdHealthSet        = 53
	cmdHealthRecover    = 54
	cmdHealthDiagnose   = 55
	cmdHealthDumpGet    = 56
	cmdHealthDumpClear  = 57
	cmdFlashUpdate      = 58
	cmdFlashEnd         = 59
	cmdFlashStatus      = 60
	cmdTrapGet          = 61
	cmdTrapSet          = 62
	cmdTrapNew          = 63
	cmdTrapDel          = 64
	cmdTrapGroupGet     = 65
	cmdTrapGroupSet     = 66
	cmdTrapGroupNew     = 67
	cmdTrapGroupDel     = 68
	cmdTrapPolicerGet   = 69
	cmdTrapPolicerSet   = 70
	cmdTrapPolicerNew   = 71
	cmdTrapPolicerDel   = 72
	cmdHealthTest       = 73
	cmdSelftestsGet     = 82
	cmdSelftestsRun     = 83
)

// DEVLINK_ATTR_*.
const (
	attrBusName            = 1
	attrDevName            = 2
	attrPortIndex          = 3
	attrPortType           = 4
	attrPortNetdevIfindex  = 6
	attrPortNetdevName     = 7
	attrDpipeTables        = 27
	attrDpipeTable         = 28
	attrDpipeTableName     = 29
	attrDpipeTableSize     = 30
	attrDpipeTableMatches  = 31
	attrDpipeTableActions  = 32
	attrDpipeTableCounters = 33
	attrDpipeEntries       = 34
	attrDpipeEntry         = 35
	attrDpipeEntryIndex    = 36
	attrDpipeEntryMatches  = 37
	attrDpipeEntryActions  = 38
	attrDpipeEntryCounter  = 39
	attrDpipeMatch         = 40
	attrDpipeMatchValue    = 41
	attrDpipeMatchType     = 42
	attrDpipeAction        = 43
	attrDpipeActionValue   = 44
	attrDpipeActionType    = 45
	attrDpipeValue         = 46
	attrDpipeValueMask     = 47
	attrDpipeValueMapping  = 48
	attrDpipeHeaders       = 49
	attrDpipeHeader        = 50
	attrDpipeHeaderName    = 51
	attrDpipeHeaderID      = 52
	attrDpipeHeaderFields  = 53
	attrDpipeHeaderGlobal  = 54
	attrDpipeHeaderIndex   = 55
	attrDpipeField         = 56
	attrDpipeFieldName     = 57
	attrDpipeFieldID       = 58
	attrDpipeFieldBitwidth = 59
	attrDpipeFieldMapping  = 60
	attrResourceList       = 63
	attrResource           = 64
	attrResourceName       = 65
	attrResourceID         = 66
	attrResourceSize       = 67
	attrResourceSizeNew    = 68
	attrResourceSizeValid  = 69
	attrResourceSizeMin    = 70
	attrResourceSizeMax    = 71
	attrResourceSizeGran   = 72
	attrResourceUnit       = 73
	attrResourceOcc        = 74
	attrDpipeTableResource = 75
	attrDpipeTableResUnits = 76
	attrPortFlavour        = 77
	attrPortNumber         = 78
	attrParam              = 80
	attrParamName          = 81
	attrParamGeneric       = 82
	attrParamType          = 83
	attrParamValuesList    = 84
	attrParamValue         = 85
	attrParamValueData     = 86
	attrParamValueCmode    = 87
	attrRegionName         = 88
	attrRegionSize         = 89
	attrRegionSnapshots    = 90
	attrRegionSnapshot     = 91
	attrRegionSnapshotID   = 92
	attrRegionChunks       = 93
	attrRegionChunk        = 94
	attrRegionChunkData    = 95
	attrRegionChunkAddr    = 96
	attrRegionChunkLen     = 97
	attrInfoDriver         = 98
	attrInfoSerial         = 99
	attrInfoFixed          = 100
	attrInfoRunning        = 101
	attrInfoStored         = 102
	attrInfoVersionName    = 103
	attrInfoVersionValue   = 104
	attrFmsg               = 106
	attrFmsgObjStart       = 107
	attrFmsgPairStart      = 108
	attrFmsgArrStart       = 109
	attrFmsgEnd            = 110
	attrFmsgName           = 111
	attrFmsgType           = 112
	attrFmsgData           = 113
	attrHealthReporter     = 114
	attrHealthName         = 115
	attrHealthState        = 116
	attrHealthErrors       = 117
	attrHealthRecovers     = 118
	attrHealthDumpTime     = 119
	attrHealthGrace        = 120
	attrHealthAutoRecover  = 121
	attrFlashFileName      = 122
	attrFlashComponent     = 123
	attrFlashStatusMsg     = 124
	attrFlashStatusDone    = 125
	attrFlashStatusTotal   = 126
	attrStats              = 129
	attrTrapName           = 130
	attrTrapAction         = 131
	attrTrapType           = 132
	attrTrapGeneric        = 133
	attrTrapMetadata       = 134
	attrTrapGroupName      = 135
	attrReloadFailed       = 136
	attrHealthDumpTimeNS   = 137
	attrHealthAutoDump     = 141
	attrTrapPolicerID      = 142
	attrTrapPolicerRate    = 143
	attrTrapPolicerBurst   = 144
	attrBoardSerial        = 146
	attrPortLanes          = 147
	attrPortSplittable     = 148
	attrFlashStatusTimeout = 151
	attrFlashOverwrite     = 152
	attrReloadAction       = 153
	attrReloadPerformed    = 154
	attrReloadLimits       = 155
	attrDevStats           = 156
	attrReloadStats        = 157
	attrReloadStatsEntry   = 158
	attrReloadStatsLimit   = 159
	attrReloadStatsValue   = 160
	attrRemoteReloadStats  = 161
	attrReloadActionInfo   = 162
	attrReloadActionStats  = 163
	attrRegionMaxSnapshots = 170
	attrSelftests          = 176
	attrRegionDirect       = 179 // since Linux 6.4
	attrHealthBurst        = 181 // since Linux 6.18
	attrParamValueDefault  = 182 // since Linux 6.19
	attrParamResetDefault  = 183 // since Linux 6.19
	attrMax                = 183

	strictFrom = 142 // attributes from here on must have exactly their length
)

// Values of attributes.
const (
	familyVersion = 1

	reloadActionMax   = 2
	reloadLimitMax    = 1
	reloadLimitsValid = 3 // DEVLINK_RELOAD_LIMITS_VALID_MASK
	overwriteValid    = 3 // DEVLINK_SUPPORTED_FLASH_OVERWRITE_SECTIONS

	portTypeNone = 0 // not set
	portTypeEth  = 2

	healthHealthy = 0
	healthError   = 1

	statsRxPackets = 0
	statsRxBytes   = 1
	statsRxDropped = 2

	metadataInPort = 0 // DEVLINK_ATTR_TRAP_METADATA_TYPE_*
	metadataCookie = 1

	selftestResult       = 1
	selftestResultID     = 2
	selftestResultStatus = 3

	// Types of a dynamic attribute are those of the kernel's attribute policies.
	varU8     = 1
	varU16    = 2
	varU32    = 3
	varU64    = 4
	varString = 5
	varFlag   = 6
	varNulStr = 10
	varBinary = 11
)

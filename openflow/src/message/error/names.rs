//! The names of OpenFlow's error codes, one row for each type.

/// The codes of one error type, by number; an empty name is a number nobody uses.
struct ErrorType {
    /// The type's number on the wire.
    number: u16,
    /// What the names of its codes begin with.
    prefix: &'static str,
    codes: &'static [&'static str],
}

/// OpenFlow 1.5.1 section 7.5.4, with those of 1.4 that have the same numbers.
#[rustfmt::skip] // One row per type reads as the table it is.
const ERROR_TYPES: &[ErrorType] = &[
    // OFPET_HELLO_FAILED
    ErrorType { number: 0, prefix: "OFPHFC", codes: &[
        "INCOMPATIBLE", "EPERM"
    ] },
    // OFPET_BAD_REQUEST
    ErrorType { number: 1, prefix: "OFPBRC", codes: &[
        "BAD_VERSION", "BAD_TYPE", "BAD_MULTIPART", "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "EPERM", "BAD_LEN",
        "BUFFER_EMPTY", "BUFFER_UNKNOWN", "BAD_TABLE_ID", "IS_SECONDARY", "BAD_PORT", "BAD_PACKET",
        "MULTIPART_BUFFER_OVERFLOW", "MULTIPART_REQUEST_TIMEOUT", "MULTIPART_REPLY_TIMEOUT",
        "MULTIPART_BAD_SCHED", "PIPELINE_FIELDS_ONLY", "UNKNOWN"
    ] },
    // OFPET_BAD_ACTION
    ErrorType { number: 2, prefix: "OFPBAC", codes: &[
        "BAD_TYPE", "BAD_LEN", "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "BAD_OUT_PORT", "BAD_ARGUMENT", "EPERM",
        "TOO_MANY", "BAD_QUEUE", "BAD_OUT_GROUP", "MATCH_INCONSISTENT", "UNSUPPORTED_ORDER", "BAD_TAG",
        "BAD_SET_TYPE", "BAD_SET_LEN", "BAD_SET_ARGUMENT", "BAD_SET_MASK", "BAD_METER"
    ] },
    // OFPET_BAD_INSTRUCTION
    ErrorType { number: 3, prefix: "OFPBIC", codes: &[
        "UNKNOWN_INST", "UNSUP_INST", "BAD_TABLE_ID", "UNSUP_METADATA", "UNSUP_METADATA_MASK",
        "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "BAD_LEN", "EPERM", "DUP_INST"
    ] },
    // OFPET_BAD_MATCH
    ErrorType { number: 4, prefix: "OFPBMC", codes: &[
        "BAD_TYPE", "BAD_LEN", "BAD_TAG", "BAD_DL_ADDR_MASK", "BAD_NW_ADDR_MASK", "BAD_WILDCARDS",
        "BAD_FIELD", "BAD_VALUE", "BAD_MASK", "BAD_PREREQ", "DUP_FIELD", "EPERM"
    ] },
    // OFPET_FLOW_MOD_FAILED
    ErrorType { number: 5, prefix: "OFPFMFC", codes: &[
        "UNKNOWN", "TABLE_FULL", "BAD_TABLE_ID", "OVERLAP", "EPERM", "BAD_TIMEOUT", "BAD_COMMAND",
        "BAD_FLAGS", "CANT_SYNC", "BAD_PRIORITY", "IS_SYNC"
    ] },
    // OFPET_GROUP_MOD_FAILED
    ErrorType { number: 6, prefix: "OFPGMFC", codes: &[
        "GROUP_EXISTS", "INVALID_GROUP", "WEIGHT_UNSUPPORTED", "OUT_OF_GROUPS", "OUT_OF_BUCKETS",
        "CHAINING_UNSUPPORTED", "WATCH_UNSUPPORTED", "LOOP", "UNKNOWN_GROUP", "CHAINED_GROUP", "BAD_TYPE",
        "BAD_COMMAND", "BAD_BUCKET", "BAD_WATCH", "EPERM", "UNKNOWN_BUCKET", "BUCKET_EXISTS"
    ] },
    // OFPET_PORT_MOD_FAILED
    ErrorType { number: 7, prefix: "OFPPMFC", codes: &[
        "BAD_PORT", "BAD_HW_ADDR", "BAD_CONFIG", "BAD_ADVERTISE", "EPERM"
    ] },
    // OFPET_TABLE_MOD_FAILED
    ErrorType { number: 8, prefix: "OFPTMFC", codes: &[
        "BAD_TABLE", "BAD_CONFIG", "EPERM"
    ] },
    // OFPET_QUEUE_OP_FAILED
    ErrorType { number: 9, prefix: "OFPQOFC", codes: &[
        "BAD_PORT", "BAD_QUEUE", "EPERM"
    ] },
    // OFPET_SWITCH_CONFIG_FAILED
    ErrorType { number: 10, prefix: "OFPSCFC", codes: &[
        "BAD_FLAGS", "BAD_LEN", "EPERM"
    ] },
    // OFPET_ROLE_REQUEST_FAILED
    ErrorType { number: 11, prefix: "OFPRRFC", codes: &[
        "STALE", "UNSUP", "BAD_ROLE", "ID_UNSUP", "ID_IN_USE"
    ] },
    // OFPET_METER_MOD_FAILED
    ErrorType { number: 12, prefix: "OFPMMFC", codes: &[
        "UNKNOWN", "METER_EXISTS", "INVALID_METER", "UNKNOWN_METER", "BAD_COMMAND", "BAD_FLAGS", "BAD_RATE",
        "BAD_BURST", "BAD_BAND", "BAD_BAND_VALUE", "OUT_OF_METERS", "OUT_OF_BANDS"
    ] },
    // OFPET_TABLE_FEATURES_FAILED
    ErrorType { number: 13, prefix: "OFPTFFC", codes: &[
        "BAD_TABLE", "BAD_METADATA", "BAD_TYPE", "BAD_LEN", "BAD_ARGUMENT", "EPERM", "BAD_CAPA",
        "BAD_MAX_ENT", "BAD_FEATURES", "BAD_COMMAND", "TOO_MANY"
    ] },
    // OFPET_BAD_PROPERTY
    ErrorType { number: 14, prefix: "OFPBPC", codes: &[
        "BAD_TYPE", "BAD_LEN", "BAD_VALUE", "TOO_MANY", "DUP_TYPE", "BAD_EXPERIMENTER", "BAD_EXP_TYPE",
        "BAD_EXP_VALUE", "EPERM"
    ] },
    // OFPET_ASYNC_CONFIG_FAILED
    ErrorType { number: 15, prefix: "OFPACFC", codes: &[
        "INVALID", "UNSUPPORTED", "EPERM"
    ] },
    // OFPET_FLOW_MONITOR_FAILED
    ErrorType { number: 16, prefix: "OFPMOFC", codes: &[
        "UNKNOWN", "MONITOR_EXISTS", "INVALID_MONITOR", "UNKNOWN_MONITOR", "BAD_COMMAND", "BAD_FLAGS",
        "BAD_TABLE_ID", "BAD_OUT"
    ] },
    // OFPET_BUNDLE_FAILED
    ErrorType { number: 17, prefix: "OFPBFC", codes: &[
        "UNKNOWN", "EPERM", "BAD_ID", "BUNDLE_EXIST", "BUNDLE_CLOSED", "OUT_OF_BUNDLES", "BAD_TYPE",
        "BAD_FLAGS", "MSG_BAD_LEN", "MSG_BAD_XID", "MSG_UNSUP", "MSG_CONFLICT", "MSG_TOO_MANY",
        "MSG_FAILED", "TIMEOUT", "BUNDLE_IN_PROGRESS", "SCHED_NOT_SUPPORTED", "SCHED_FUTURE", "SCHED_PAST"
    ] },
];

/// Open vSwitch's own errors, sent as experimenter errors under Nicira's number.
#[rustfmt::skip] // As above.
const NICIRA_ERRORS: &[(u16, &str)] = &[
    (2, "NXBRC_NXM_INVALID"),
    (3, "NXBRC_NXM_BAD_TYPE"),
    (4, "NXBRC_MUST_BE_ZERO"),
    (5, "NXBRC_BAD_REASON"),
    (9, "NXBRC_FM_BAD_EVENT"),
    (10, "NXBRC_UNENCODABLE_ERROR"),
    (11, "NXBAC_MUST_BE_ZERO"),
    (12, "NXFMFC_HARDWARE"),
    (13, "NXFMFC_BAD_TABLE_ID"),
    (15, "NXBAC_BAD_CONJUNCTION"),
    (16, "NXTTMFC_BAD_COMMAND"),
    (17, "NXTTMFC_BAD_OPT_LEN"),
    (18, "NXTTMFC_BAD_FIELD_IDX"),
    (19, "NXTTMFC_TABLE_FULL"),
    (20, "NXTTMFC_ALREADY_MAPPED"),
    (21, "NXTTMFC_DUP_ENTRY"),
    (22, "OFPBFC_BAD_VERSION"),
    (23, "NXQOFC_QUEUE_ERROR"),
    (34, "NXR_NOT_SUPPORTED"),
    (35, "NXR_STALE"),
    (36, "NXST_NOT_CONFIGURED"),
    (37, "NXFMFC_INVALID_TLV_FIELD"),
    (38, "NXTTMFC_INVALID_TLV_DEL"),
    (39, "NXBAC_BAD_HEADER_TYPE"),
    (40, "NXBAC_UNKNOWN_ED_PROP"),
    (41, "NXBAC_BAD_ED_PROP"),
    (42, "NXBAC_CT_DATAPATH_SUPPORT"),
    (43, "NXBMC_CT_DATAPATH_SUPPORT"),
    (44, "NXTFFC_DUP_TABLE"),
];

/// The name of a standard error, such as `OFPBMC_BAD_PREREQ`.
pub(super) fn standard(kind: u16, code: u16) -> Option<String> {
    let row = ERROR_TYPES.iter().find(|row| row.number == kind)?;
    let name = row
        .codes
        .get(usize::from(code))
        .filter(|name| !name.is_empty())?;
    Some(format!("{}_{name}", row.prefix))
}

/// The name of one of Open vSwitch's own errors, such as `NXBAC_BAD_CONJUNCTION`.
pub(super) fn nicira(kind: u16) -> Option<&'static str> {
    let row = NICIRA_ERRORS.iter().find(|(number, _)| *number == kind)?;
    Some(row.1)
}

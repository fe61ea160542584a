use super::*;

#[test]
fn durations_and_times_are_read() {
    for (text, seconds) in [
        ("90s", 90),
        ("15m", 900),
        ("1h", 3600),
        ("7d", 604_800),
        ("4w", 2_419_200),
    ] {
        assert_eq!(parse_duration(text), Ok(Seconds(seconds)));
    }
    for bad in [
        "",
        "h",
        "1",
        "0h",
        "-1h",
        "1.5h",
        "1 h",
        "99999999999w",
        "1y",
        "+1h1h",
    ] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
    assert_eq!(
        parse_time("2026-11-22").unwrap().to_string(),
        "2026-11-22T00:00:00Z"
    );
    assert_eq!(
        parse_time("2026-11-22T01:00:00+01:00").unwrap().to_string(),
        "2026-11-22T00:00:00Z"
    );
    assert!(parse_time("2026-13-01").is_err());
}

#[test]
fn a_last_hour_ends_now_or_at_the_end_given() {
    let usage = |to: Option<&str>| Usage {
        split: None,
        parquet: None,
        class: None,
        by: By::Tenant,
        from: None,
        to: to.map(|text| parse_time(text).unwrap()),
        last: Some(Seconds(3600)),
        tenant: None,
        network: None,
        vif: None,
        step: None,
        top: None,
    };
    let now = parse_time("2026-11-22T12:00:00Z").unwrap();
    let text = |(from, to): (Option<Timestamp>, Option<Timestamp>)| {
        format!("{} {}", from.unwrap(), to.unwrap())
    };
    assert_eq!(
        text(usage(None).range(now)),
        "2026-11-22T11:00:00Z 2026-11-22T12:00:00Z"
    );
    let ended = usage(Some("2026-11-01"));
    assert_eq!(
        text(ended.range(now)),
        "2026-10-31T23:00:00Z 2026-11-01T00:00:00Z"
    );
}

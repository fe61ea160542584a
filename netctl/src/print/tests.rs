use super::*;

#[test]
fn bytes_are_rounded_down_for_people() {
    for (bytes, text) in [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (52_428_800, "52.4 MB"),
        (999_999_999, "999.9 MB"),
        (1_000_000_000_000, "1.0 TB"),
        (u64::MAX, "18446744.0 TB"),
    ] {
        assert_eq!(human_bytes(bytes), text);
    }
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let columns = &[column("text", |it: &String, _| it.as_str().into())];
    let texts = ["\u{1b}[2Jgone\r\n".to_owned()];
    let listing = Listing::with_ids(&texts, columns, &Names::default(), String::clone);
    let shown = render(&Output::List(listing), Format::Table);
    assert_eq!(shown, "TEXT\n[2Jgone\n");
}

#[test]
fn an_empty_list_is_a_header_for_people_and_nothing_for_scripts() {
    let columns = &[column("name", |it: &String, _| it.as_str().into())];
    let none: [String; 0] = [];
    let listing = Listing::with_ids(&none, columns, &Names::default(), String::clone);
    let output = Output::List(listing);
    assert_eq!(render(&output, Format::Table), "NAME\n");
    assert_eq!(render(&output, Format::Csv), "name\n");
    assert_eq!(render(&output, Format::Json), "[]\n");
    assert_eq!(render(&output, Format::Id), "");
}

#[test]
fn objects_are_flattened_with_dots_for_people_and_csv() {
    let json = serde_json::json!({
        "name": "a,b", "status": { "state": "down", "reason": null }, "addresses": ["x", "y"],
    });
    let output = Output::Object {
        id: "1".to_owned(),
        json,
    };
    assert_eq!(
        render(&output, Format::Csv),
        "addresses,name,status.reason,status.state\n\"x, y\",\"a,b\",,down\n"
    );
    assert_eq!(
        render(&output, Format::Table),
        "name           a,b\naddresses      x, y\nstatus.reason\nstatus.state   down\n"
    );
}

use proptest::prelude::*;

use super::*;

#[test]
fn trunks_are_read_and_printed_in_the_same_form() {
    let trunks: Trunks = "100-102,300".parse().unwrap();
    assert_eq!(trunks.vlans().collect::<Vec<_>>(), [100, 101, 102, 300]);
    assert_eq!(trunks.to_string(), "100-102,300");
}

#[test]
fn trunks_that_are_empty_backward_or_no_vlan_are_refused() {
    for text in ["", "0", "4095", "20-10", "1-4095", "a", "1,", "1-2-3", "-1"] {
        assert!(text.parse::<Trunks>().is_err(), "{text}");
    }
}

#[test]
fn a_prefix_cannot_reach_into_another_labs_names() {
    for text in ["", "a-b", "bh/..", "BH", "toolonger", "a b", "."] {
        assert!(text.parse::<Prefix>().is_err(), "{text}");
    }
}

#[test]
fn the_default_spec_is_sound() {
    Spec::default().check().unwrap();
}

#[test]
fn the_management_vlan_is_never_on_a_trunk() {
    let spec = Spec {
        trunks: "100-4000".parse().unwrap(),
        ..Spec::default()
    };
    let message = spec.check().unwrap_err().to_string();
    assert!(message.contains("4000"), "{message}");
}

#[test]
fn hosts_and_directory_have_their_limits() {
    let crowd = Spec {
        hosts: MOST_HOSTS + 1,
        ..Spec::default()
    };
    let nobody = Spec {
        hosts: 0,
        ..Spec::default()
    };
    let relative = Spec {
        directory: "lab".into(),
        ..Spec::default()
    };
    let deep = Spec {
        directory: format!("/{}", "d".repeat(80)).into(),
        ..Spec::default()
    };
    for spec in [crowd, nobody, relative, deep] {
        assert!(spec.check().is_err(), "{spec:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_valid_trunk_list_or_an_error(text in "[0-9,-]{0,12}") {
        let Ok(trunks) = text.parse::<Trunks>() else { return Ok(()) };
        prop_assert_eq!(&trunks.to_string().parse::<Trunks>().unwrap(), &trunks);
        prop_assert!(trunks.vlans().all(|vlan| (1..=4094).contains(&vlan)));
        prop_assert!(trunks.vlans().next().is_some());
    }
}

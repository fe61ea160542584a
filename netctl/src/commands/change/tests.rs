use super::*;

fn host(name: &str, state: ChangeState, reason: Option<&str>) -> ChangeOnHost {
    ChangeOnHost {
        host_id: model::Id::generate(),
        name: name.parse().unwrap(),
        state,
        reason: reason.map(str::to_owned),
    }
}

#[test]
fn the_bar_says_how_far_it_is_and_names_the_hosts_that_are_missing() {
    use ChangeState::{Failing, Realized, Waiting};
    let away = Some("its agent is not connected");
    let first = ChangeView::of(
        7,
        vec![host("h1", Realized, None), host("h2", Waiting, away)],
    );
    let second = ChangeView::of(
        8,
        vec![
            host("h1", Realized, None),
            host("h2", Realized, None),
            host("h3", Failing, Some("there is no eth1\u{1b}[2J")),
            host("h4", Realized, None),
        ],
    );
    let told = line(&seen([&first, &second].into_iter()));
    assert_eq!(
        told,
        "[##########----------] 2 of 4 hosts; missing: h2 (its agent is not connected), \
         h3 (there is no eth1 [2J)"
    );
    let many = (1..=9).map(|number| host(&format!("h{number}"), Waiting, None));
    let many = ChangeView::of(9, many.collect());
    let told = line(&seen([&many].into_iter()));
    assert!(told.ends_with("h3 (not carried out yet), 6 more"), "{told}");
    let none = ChangeView::of(10, Vec::new());
    let told = line(&seen([&none].into_iter()));
    assert_eq!(told, "[--------------------] 0 of 0 hosts");
}

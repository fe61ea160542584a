use std::collections::BTreeSet;

use model::{Network, Tenant};
use proptest::prelude::*;

use super::*;
use crate::resource::PortView;
use crate::server::noun::Listed;
use crate::test_pool::{network, port};

fn query<T: Listed>(text: &str) -> Result<ListQuery<T>, Problem> {
    ListQuery::parse(&format!("/v1/x?{text}").parse().unwrap(), T::FIELDS)
}

fn names(page: &Page<Network>) -> Vec<&str> {
    page.items
        .iter()
        .map(|network| network.name.as_str())
        .collect()
}

/// Asks for page after page; `change` alters the collection between two of them.
fn walk(
    text: &str,
    mut all: Vec<Network>,
    mut change: impl FnMut(&mut Vec<Network>),
) -> Vec<Network> {
    let mut cursor = String::new();
    let mut seen = Vec::new();
    loop {
        let page = query::<Network>(&format!("{text}{cursor}"))
            .unwrap()
            .page(&all);
        seen.extend(page.items);
        let Some(next) = page.next_cursor else {
            return seen;
        };
        cursor = format!("&cursor={next}");
        change(&mut all);
    }
}

#[test]
fn lists_are_filtered_by_equality_and_sorted_as_what_the_values_are() {
    let all = [
        network("b", 10),
        network("a", 9),
        network("c", 100),
        network("a", 101),
    ];
    let page = |text: &str| query::<Network>(text).unwrap().page(&all);
    assert_eq!(names(&page("sort=name,-vlan")), ["a", "a", "b", "c"]);
    assert_eq!(page("sort=name,-vlan").items[0], all[3]);
    assert_eq!(page("sort=vlan").items[2], all[2]);
    assert_eq!(names(&page("sort=-created_at")), ["a", "c", "b", "a"]);
    assert_eq!(names(&page("name=a&vlan=9&kind=vlan")), ["a"]);
    assert_eq!(names(&page("name=a&vlan=10")), Vec::<&str>::new());
    assert_eq!(names(&page("vlan=")), Vec::<&str>::new());
    assert_eq!(
        page(&format!("tenant_id={}", all[0].tenant_id)).items,
        [all[0].clone()]
    );
}

#[test]
fn an_empty_value_finds_what_has_none() {
    let all = [port(Some("a")), port(None)];
    let page = |text: &str| query::<PortView>(text).unwrap().page(&all);
    assert_eq!(page("name=").items, [all[1].clone()]);
    assert_eq!(page("sort=-name").items, all);
    assert_eq!(page("status.state=down").items.len(), 2);
}

#[test]
fn wrong_parameters_are_refused_all_at_once_with_what_is_allowed() {
    let fields = |text: &str| -> Vec<String> {
        let problem = query::<Network>(text).err().unwrap();
        assert_eq!(problem.code, Code::InvalidParameter, "{text}");
        problem
            .errors
            .into_iter()
            .map(|error| error.field)
            .collect()
    };
    assert_eq!(fields("limit=0"), ["limit"]);
    assert_eq!(fields("limit=1001"), ["limit"]);
    assert_eq!(
        fields("limit=-1&vlan=x&tenant_id=acme"),
        ["tenant_id", "vlan", "limit"]
    );
    assert_eq!(fields("colour=red"), ["colour"]);
    assert_eq!(fields("kind=gre"), ["kind"]);
    for sort in [
        "colour",
        "name,name",
        "name,-name",
        "name,",
        ",",
        "--name",
        "-",
    ] {
        assert_eq!(fields(&format!("sort={sort}")), ["sort"], "{sort}");
    }
    let problem = query::<Network>("colour=red").err().unwrap();
    assert!(
        problem.errors[0].message.contains("physical_network_id"),
        "{problem:?}"
    );
}

#[test]
fn a_cursor_of_another_order_or_none_at_all_is_refused() {
    let all: Vec<Network> = (1..10).map(|vlan| network("a", vlan)).collect();
    let cursor = query::<Network>("sort=name&limit=2")
        .unwrap()
        .page(&all)
        .next_cursor
        .unwrap();
    assert!(query::<Network>(&format!("sort=name&cursor={cursor}")).is_ok());
    for text in [
        format!("cursor={cursor}"),
        format!("sort=-name&cursor={cursor}"),
        format!("sort=vlan&cursor={cursor}"),
        "cursor=".to_owned(),
        "cursor=7".to_owned(),
        "cursor=zz".to_owned(),
        "cursor=7b7d".to_owned(),
        "cursor=%C3%A4%C3%A4".to_owned(),
        format!("sort=name&cursor={}", "7b".repeat(20_000)),
    ] {
        let problem = query::<Network>(&text).err().unwrap();
        assert_eq!(problem.code, Code::InvalidParameter, "{text}");
    }
    for end in 0..cursor.len() {
        assert!(query::<Network>(&format!("sort=name&cursor={}", &cursor[..end])).is_err());
    }
}

#[test]
fn a_tenant_can_be_told_apart_from_the_next_page_of_nothing() {
    let none: [Tenant; 0] = [];
    let page = query::<Tenant>("limit=1").unwrap().page(&none);
    assert_eq!((page.items.len(), page.next_cursor), (0, None));
}

/// What happens to a collection between two pages.
#[derive(Clone, Debug)]
enum Change {
    Add { name: u8, vlan: u16 },
    Remove { index: usize },
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..5_u8, 1..4095_u16).prop_map(|(name, vlan)| Change::Add { name, vlan }),
        (0..1000_usize).prop_map(|index| Change::Remove { index }),
    ]
}

fn named(name: u8, vlan: u16) -> Network {
    network(&format!("n{name}"), vlan)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn pages_together_are_the_whole_list_in_order(
        objects in prop::collection::vec((0..5_u8, 1..4095_u16), 0..60),
        sort in prop::sample::select(vec!["", "sort=name&", "sort=-name,vlan&", "sort=-mtu&"]),
        limit in 1..20_usize,
    ) {
        let all: Vec<Network> = objects.iter().map(|(name, vlan)| named(*name, *vlan)).collect();
        let whole = query::<Network>(&format!("{sort}limit=1000")).unwrap().page(&all);
        prop_assert_eq!(whole.next_cursor, None);
        let walked = walk(&format!("{sort}limit={limit}"), all, |_| {});
        prop_assert_eq!(walked, whole.items);
    }

    #[test]
    fn what_is_there_all_the_while_is_shown_exactly_once(
        objects in prop::collection::vec((0..5_u8, 1..4095_u16), 1..60),
        changes in prop::collection::vec(any_change(), 0..40),
        sort in prop::sample::select(vec!["", "sort=name&", "sort=-name&", "sort=vlan,-name&"]),
        limit in 1..10_usize,
    ) {
        let all: Vec<Network> = objects.iter().map(|(name, vlan)| named(*name, *vlan)).collect();
        let mut steady: BTreeSet<Uuid> = all.iter().map(|network| network.id.uuid()).collect();
        let mut changes = changes.into_iter();
        let walked = walk(&format!("{sort}limit={limit}"), all, |all| match changes.next() {
            Some(Change::Add { name, vlan }) => all.push(named(name, vlan)),
            Some(Change::Remove { index }) if !all.is_empty() => {
                let gone = all.remove(index % all.len());
                steady.remove(&gone.id.uuid());
            }
            _ => {}
        });
        let ids: Vec<Uuid> = walked.iter().map(|network| network.id.uuid()).collect();
        let unique: BTreeSet<Uuid> = ids.iter().copied().collect();
        prop_assert_eq!(ids.len(), unique.len());
        prop_assert!(steady.is_subset(&unique));
    }
}

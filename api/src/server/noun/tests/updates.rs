//! Every field of every update, given every kind of wrong value.

use super::*;

struct Update {
    path: &'static str,
    valid: Value,
    fields: &'static [(&'static str, Kind)],
}

fn updates() -> Vec<Update> {
    vec![
        Update {
            path: "/v1/subnets/01920f5e-7c1a-7000-8000-0123456789ab",
            valid: json!({
                "gateway": "10.0.0.1", "pools": ["10.0.0.10-10.0.0.20"], "dhcp": false,
                "dns": ["10.0.0.2"], "domain": "web.example", "lease_seconds": 600,
                "routes": ["10.9.0.0/16 via 10.0.0.7"], "dns_names": true,
                "dns_forward": ["9.9.9.9"],
            }),
            fields: &[
                ("gateway", Kind::Address),
                ("pools", Kind::Ranges),
                ("dhcp", Kind::Flag),
                ("dns", Kind::Addresses),
                ("domain", Kind::Domain),
                ("routes", Kind::Routes),
                ("lease_seconds", Kind::Lease),
                ("dns_names", Kind::Flag),
                ("dns_forward", Kind::Addresses),
            ],
        },
        Update {
            path: "/v1/ports/01920f5e-7c1a-7000-8000-0123456789ab",
            valid: json!({
                "addresses": ["10.0.0.5"], "add_addresses": ["10.0.0.6"],
                "remove_addresses": ["10.0.0.7"], "allowed": ["10.0.0.50"],
                "add_allowed": ["10.0.0.51"], "remove_allowed": ["10.0.0.52"],
                "spoof_guard": "off",
            }),
            fields: &[
                ("addresses", Kind::Addresses),
                ("add_addresses", Kind::Addresses),
                ("remove_addresses", Kind::Addresses),
                ("allowed", Kind::Pairs),
                ("add_allowed", Kind::Pairs),
                ("remove_allowed", Kind::Pairs),
                ("spoof_guard", Kind::Guard),
            ],
        },
    ]
}

#[tokio::test]
async fn every_wrong_value_of_an_update_is_refused_by_name() {
    for Update {
        path,
        valid,
        fields,
    } in updates()
    {
        let by = ("PATCH", path);
        for (field, kind) in fields {
            for wrong in kind.of_wrong_type() {
                let mut body = valid.clone();
                body[*field] = wrong;
                refused_by(by, &body, field, "wrong_type").await;
            }
            for wrong in kind.out_of_range() {
                let mut body = valid.clone();
                body[*field] = wrong;
                refused_by(by, &body, field, "out_of_range").await;
            }
        }
        let mut body = valid.clone();
        body["colour"] = json!("red");
        refused_by(by, &body, "colour", "unknown").await;
    }
}

#[tokio::test]
async fn what_an_update_does_not_name_stays_and_null_takes_a_domain_away() {
    let pool: Arc<TestPool> = Arc::default();
    let mut subnet = test_pool::subnet("10.0.0.0/24");
    subnet.handout.domain = Some("web.example".parse().unwrap());
    let path = format!("/v1/subnets/{}", subnet.id);
    pool.subnets.put(subnet);
    let patch = |body: Value| request("PATCH", &path, body.to_string());
    let answer = ask(&pool, patch(json!({ "gateway": "10.0.0.9" }))).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert_eq!(answer.json["gateway"], "10.0.0.9");
    assert_eq!(answer.json["domain"], "web.example");
    let answer = ask(&pool, patch(json!({ "domain": null }))).await;
    assert_eq!(answer.json["domain"], Value::Null);
    assert_eq!(answer.json["gateway"], "10.0.0.9");
    let nowhere = format!("/v1/subnets/{ID}");
    let answer = ask(&pool, request("PATCH", &nowhere, "{}")).await;
    assert_eq!(answer.status, 404);
}

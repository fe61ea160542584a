//! Who may do what: a tenant's token on a real controller, in the hands of somebody who means ill.

use std::process::Command;

use model::Id;
use serde_json::{Value, json};

use tests::{Answer, COLLECTIONS, LoneController, Rest, programs};

use super::bad_input::{Pool, good, pool};

/// A token of a role, held to a tenant.
async fn token(rest: &Rest, tenant: &Value, role: &str, name: &str) -> (Value, String) {
    let asked = json!({"name": name, "role": role, "tenant_id": tenant["id"]});
    let made = rest.create("tokens", asked).await;
    let secret = made["secret"].as_str().unwrap().to_owned();
    (made, secret)
}

/// Every id in a JSON value.
fn ids(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.parse::<Id<()>>().is_ok() => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|it| ids(it, found)),
        Value::Object(fields) => fields.values().for_each(|it| ids(it, found)),
        _ => {}
    }
}

/// An answer, with the ids that were asked for made the same.
fn told(answer: &Answer, asked: &[String]) -> String {
    let (status, mut body) = answer.clone();
    // The name of the request differs by the request, not by what it asks for.
    body["request_id"].take();
    let text = format!("{status} {body}");
    let texts = asked.iter().enumerate();
    texts.fold(text, |text, (place, id)| {
        text.replace(id, &format!("ID{place}"))
    })
}

/// A pool that is acme's, and somebody with a token of globex, who means ill.
struct Hostile {
    rest: Rest,
    evil: Rest,
    acme: Pool,
    globex: Value,
    /// Everything there was at first.
    before: Vec<Value>,
}

impl Hostile {
    async fn new(rest: Rest) -> Self {
        let acme = pool(&rest).await;
        let group = json!({"tenant_id": acme.tenant["id"], "name": "g", "rules": []});
        rest.create("security-groups", group).await;
        let globex = rest.create("tenants", json!({"name": "globex"})).await;
        let (_, secret) = token(&rest, &globex, "tenant-admin", "evil").await;
        Self {
            evil: rest.bearing(&secret),
            before: rest.everything().await,
            rest,
            acme,
            globex,
        }
    }

    fn is_own(&self, item: &Value) -> bool {
        item["tenant_id"] == self.globex["id"] || item["id"] == self.globex["id"]
    }

    /// The objects that are not globex's, each with its collection.
    fn foreign(&self) -> impl Iterator<Item = (&str, &Value)> {
        let collections = COLLECTIONS.iter().zip(&self.before);
        let items = collections.flat_map(|(collection, items)| {
            let items = items.as_array().unwrap().iter();
            items.map(move |item| (*collection, item))
        });
        items.filter(|(_, item)| !self.is_own(item))
    }

    async fn try_one(&self, method: &str, path: &str) -> Answer {
        match method {
            "get" => self.evil.get(path).await,
            "patch" => self.evil.patch(path, &json!({"name": "mine"})).await,
            _ => self.evil.delete(path).await,
        }
    }

    /// Each of another's objects, beside one that is not there.
    async fn try_objects(&self) {
        for (collection, item) in self.foreign() {
            let id = item["id"].as_str().unwrap().to_owned();
            let missing = Id::<()>::generate().to_string();
            for method in ["get", "patch", "delete"] {
                let hidden = self.try_one(method, &format!("{collection}/{id}")).await;
                let absent = self
                    .try_one(method, &format!("{collection}/{missing}"))
                    .await;
                assert!((400..500).contains(&hidden.0), "{collection}: {hidden:?}");
                let asked = [[id.clone()], [missing.clone()]];
                let (hidden, absent) = (told(&hidden, &asked[0]), told(&absent, &asked[1]));
                assert_eq!(hidden, absent, "{method} {collection}");
            }
        }
    }

    /// What is made: the body with another's ids, and the same with ids that nothing has.
    async fn try_bodies(&self) {
        for collection in COLLECTIONS {
            let body = good(&self.acme, collection);
            let mut real = Vec::new();
            ids(&body, &mut real);
            let missing: Vec<String> = real
                .iter()
                .map(|_| Id::<()>::generate().to_string())
                .collect();
            let pairs = real.iter().zip(&missing);
            let other = pairs.fold(body.to_string(), |text, (id, missing)| {
                text.replace(id, missing)
            });
            let hidden = self.evil.post(collection, &body).await;
            let absent = self.evil.post_text(collection, other).await;
            assert!((400..500).contains(&hidden.0), "{collection}: {hidden:?}");
            let (hidden, absent) = (told(&hidden, &real), told(&absent, &missing));
            assert_eq!(hidden, absent, "{collection}");
        }
    }

    /// Lists: nothing of the other's, whatever is asked for.
    async fn try_lists(&self) {
        let foreign: Vec<&str> = self
            .foreign()
            .map(|(_, it)| it["id"].as_str().unwrap())
            .collect();
        let of_acme = format!("?tenant_id={}", self.acme.tenant["id"].as_str().unwrap());
        for collection in COLLECTIONS {
            for query in ["", of_acme.as_str()] {
                let (status, page) = self.evil.get(&format!("{collection}{query}")).await;
                let text = page.to_string();
                let refused = status == 400 || status == 403;
                let told = foreign.iter().any(|id| text.contains(id));
                assert!(refused || status == 200 && !told, "{collection}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn another_tenants_objects_answer_a_hostile_token_as_if_they_were_not_there() {
    let controller = LoneController::start();
    let hostile = Hostile::new(controller.rest()).await;
    hostile.try_objects().await;
    hostile.try_bodies().await;
    hostile.try_lists().await;
    assert_eq!(hostile.rest.everything().await, hostile.before);
    // And what is the own is there.
    let tenant = &hostile.acme.tenant;
    let (_, secret) = token(&hostile.rest, tenant, "tenant-admin", "good").await;
    let (status, networks) = hostile.rest.bearing(&secret).get("networks").await;
    assert_eq!(status, 200);
    assert_eq!(networks["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_a_token_did_is_in_the_audit_log_under_its_name_and_revoked_it_does_nothing() {
    let mut controller = LoneController::start();
    let rest = controller.rest();
    let physical =
        json!({"name": "private", "role": "private", "uplink": "eth1", "vlans": "100-199"});
    rest.create("physical-networks", physical).await;
    let acme = rest.create("tenants", json!({"name": "acme"})).await;
    let (made, secret) = token(&rest, &acme, "tenant-admin", "ci").await;
    let ci = rest.bearing(&secret);
    let network = json!({"tenant_id": acme["id"], "name": "web", "kind": "vlan"});
    ci.create("networks", network.clone()).await;
    let asked = "SELECT actor FROM audit WHERE verb = 'network_create'";
    let store = rusqlite::Connection::open(controller.data().join("bulkhead.db")).unwrap();
    let actor: String = store.query_row(asked, [], |row| row.get(0)).unwrap();
    assert_eq!(actor, format!("ci@{}", made["id"].as_str().unwrap()));
    // The secret is in no file of the controller, its log among them.
    for file in std::fs::read_dir(controller.data()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        let digits = secret.strip_prefix("bulkhead_").unwrap().as_bytes();
        let found = bytes.windows(digits.len()).any(|it| it == digits);
        assert!(!found, "{}", path.display());
    }
    controller.crash_and_restart();
    let rest = controller.rest();
    let ci = rest.bearing(&secret);
    assert_eq!(ci.get("whoami").await.1["role"], "tenant-admin");
    let path = format!("tokens/{}", made["id"].as_str().unwrap());
    assert!(rest.get(&path).await.1["last_used_at"].is_string());
    assert_eq!(rest.delete(&path).await.0, 204);
    assert_eq!(ci.get("networks").await.0, 401);
    assert_eq!(ci.post("networks", &network).await.0, 401);
}

#[tokio::test]
async fn a_tenant_lives_in_netctl_with_its_own_token() {
    let controller = LoneController::start();
    let rest = controller.rest();
    let acme = pool(&rest).await;
    let (_, secret) = token(&rest, &acme.tenant, "tenant-admin", "anna").await;
    let file = controller.data().join("anna.token");
    std::fs::write(&file, secret).unwrap();
    let server = format!("unix:{}", controller.data().join("api.sock").display());
    let netctl = |line: &str| {
        let mut command = Command::new(programs().join("netctl"));
        command.args(line.split(' '));
        command
            .args(["--server", &server, "--token-file"])
            .arg(&file);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(netctl("whoami").contains("tenant-admin"));
    netctl("vlan-create db tenant=acme subnet=10.7.0.0/24");
    netctl("vif-create network=db name=db1");
    for list in [
        "vlan-list",
        "vif-list",
        "vm-list",
        "subnet-list",
        "group-list",
        "router-list",
        "router-gateway-list",
        "floating-ip-list",
        "ip-list",
        "token-list",
        "tenant-list",
    ] {
        netctl(list);
    }
    assert!(netctl("vif-list").contains("db1"));
    assert!(!netctl("vlan-list -o json").contains(acme.physical["id"].as_str().unwrap()));
    netctl("token-create reader role=auditor tenant=acme valid=1h");
    netctl("token-revoke reader");
}

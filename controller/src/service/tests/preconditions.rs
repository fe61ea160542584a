//! Changes meant for an object as it was seen.

use api::backend::{Backend, Caller, Precondition};
use api::problem::Code;
use model::Tenant;
use serde_json::json;
use uuid::Uuid;

use super::refused::{World, caller, request};

/// Whoever has seen this version of an object.
fn having_seen(id: Uuid, tag: Option<String>) -> Caller {
    Caller {
        precondition: Some(Precondition {
            id,
            tags: tag.into_iter().collect(),
        }),
        ..caller()
    }
}

#[tokio::test]
async fn of_two_updates_of_what_both_have_seen_one_is_refused() {
    let world = World::new().await;
    let service = &world.service;
    let tenant = world.tenants[0];
    let seen = || having_seen(tenant.uuid(), service.tag(tenant.uuid()));
    let (mine, theirs) = (seen(), seen());
    let update = |rate: &str| request(json!({ "rate_out": rate }));
    let (one, other) = tokio::join!(
        service.tenant_update(mine, tenant, update("1M")),
        service.tenant_update(theirs, tenant, update("2M")),
    );
    let kept: Tenant = match (one, other) {
        (Ok(kept), Err(refused)) | (Err(refused), Ok(kept)) => {
            assert_eq!(refused.code, Code::PreconditionFailed);
            kept
        }
        both => panic!("{both:?}"),
    };
    assert_eq!(*service.tenant(tenant).unwrap(), kept);
}

#[tokio::test]
async fn a_version_that_was_seen_holds_until_what_was_asked_for_changes() {
    let world = World::new().await;
    let service = &world.service;
    let network = world.networks[0].id;
    let tag = service.tag(network.uuid());
    assert!(tag.is_some());
    assert_eq!(service.tag(Uuid::now_v7()), None);

    // That another object changes is nothing to this one, nor is a change to what is so already.
    let other = world.networks[1].id;
    let faster = || request(json!({"rate_out": "1M"}));
    service
        .network_update(caller(), other, faster())
        .await
        .unwrap();
    let nothing = || request(json!({}));
    let again = having_seen(network.uuid(), tag.clone());
    service
        .network_update(again, network, nothing())
        .await
        .unwrap();
    assert_eq!(service.tag(network.uuid()), tag);

    service
        .network_update(caller(), network, faster())
        .await
        .unwrap();
    assert_ne!(service.tag(network.uuid()), tag);
    for update in [nothing(), faster()] {
        let late = having_seen(network.uuid(), tag.clone());
        let refused = service.network_update(late, network, update).await;
        assert_eq!(refused.unwrap_err().code, Code::PreconditionFailed);
    }
    let late = having_seen(network.uuid(), tag);
    let refused = service.network_delete(late, network).await;
    assert_eq!(refused.unwrap_err().code, Code::PreconditionFailed);
    let any = having_seen(network.uuid(), None);
    service.network_delete(any, network).await.unwrap();
}

use std::sync::Arc;

use axum::http::Request;
use uuid::Uuid;

use crate::server::tests::{Answer, ask, request};
use crate::test_pool::{TestPool, network, tenant};

async fn delete(pool: &Arc<TestPool>, id: Uuid, query: &str) -> Answer {
    let path = format!("/v1/tenants/{id}{query}");
    let request: Request<_> = request("DELETE", &path, "");
    ask(pool, request).await
}

#[tokio::test]
async fn a_tenant_goes_with_all_that_is_its_own_only_when_that_is_asked_for() {
    let pool = Arc::new(TestPool::default());
    let own = pool.tenants.put(tenant("own")).id;
    let mut lan = network("lan", 7);
    lan.tenant_id = own;
    pool.networks.put(lan);
    for query in ["", "?preview=false", "?cascade=false"] {
        assert_eq!(
            delete(&pool, own.uuid(), query).await.status,
            409,
            "{query}"
        );
    }
    for query in ["?preview=true", "?preview=true&cascade=true"] {
        let answer = delete(&pool, own.uuid(), query).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json["objects"][0]["objects"][0]["name"], "lan");
        assert_eq!(pool.networks.all().len(), 1, "{query}");
    }
    for query in [
        "?cascade=yes",
        "?cascade",
        "?cascade=true&cascade=true",
        "?all=true",
    ] {
        let answer = delete(&pool, own.uuid(), query).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(pool.networks.all().len(), 1, "{query}");
    }
    let gone = delete(&pool, own.uuid(), "?cascade=true").await;
    assert_eq!(
        (gone.status.as_u16(), &gone.json["name"]),
        (200, &"own".into())
    );
    assert!(pool.networks.all().is_empty() && pool.tenants.all().is_empty());
    for query in ["", "?preview=true", "?cascade=true"] {
        assert_eq!(
            delete(&pool, own.uuid(), query).await.status,
            404,
            "{query}"
        );
    }
}

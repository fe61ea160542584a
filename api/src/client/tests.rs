use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use model::{Network, Tenant};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::problem::Code;
use crate::request::TenantCreate;
use crate::resource::{HostView, PortView};
use crate::serve;
use crate::server::router;
use crate::test_pool::{self, TOKEN, TestPool};

/// A served pool, and a client of it.
struct Served {
    pool: Arc<TestPool>,
    client: Client,
    directory: TempDir,
    stop: CancellationToken,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn serve_pool() -> Served {
    let pool: Arc<TestPool> = Arc::default();
    let served = serve_router(router(Arc::clone(&pool)));
    let (client, directory, stop) = served;
    Served {
        pool,
        client,
        directory,
        stop,
    }
}

fn serve_router(router: Router) -> (Client, TempDir, CancellationToken) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let stop = CancellationToken::new();
    tokio::spawn(serve::unix(
        serve::bind_unix(&path).unwrap(),
        router,
        stop.clone(),
    ));
    let client = Client::new(Server::Unix(path), Some(TOKEN)).unwrap();
    (client, directory, stop)
}

fn acme() -> TenantCreate {
    TenantCreate {
        name: "acme".parse().unwrap(),
        limits: model::Limits::default(),
    }
}

fn problem(error: ClientError) -> Problem {
    match error {
        ClientError::Refused(problem) => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_request_of_the_client_is_understood_by_the_server() {
    let served = serve_pool();
    let client = &served.client;
    let made: Tenant = client.create(&acme()).await.unwrap();
    assert_eq!(client.get::<Tenant>(made.id.uuid()).await.unwrap(), made);
    let query = ListQuery::default()
        .filter("name", "acme")
        .sort("-created_at");
    let found = client.list::<Tenant>(&query).await.unwrap().items;
    assert_eq!(found, std::slice::from_ref(&made));
    client.delete::<Tenant>(made.id.uuid()).await.unwrap();
    assert!(client.list_all::<Tenant>(&query).await.unwrap().is_empty());
    assert_eq!(client.health().await.unwrap().status, "ok");
    assert_eq!(client.version().await.unwrap().api, "v1");
    assert_eq!(client.inventory().await.unwrap().hosts.len(), 0);
    assert!(client.topology().await.unwrap().hosts.is_empty());
    let change = TopologyChange::default();
    assert!(client.topology_change(&change).await.unwrap().changed);
    let uplink = HostUplinkSet {
        physical_network_id: model::PhysicalNetworkId::generate(),
        uplink: None,
        address: None,
        gateway: None,
        confirm_within_seconds: None,
    };
    let host = model::HostId::generate();
    assert!(client.host_uplink_set(host, &uplink).await.unwrap().changed);
    let event = test_pool::event(1, model::EventKind::Remark);
    served.pool.events.lock().unwrap().push(event.clone());
    assert_eq!(client.events().await.unwrap(), [event]);
    assert!(
        client
            .list_all::<HostView>(&ListQuery::default())
            .await
            .unwrap()
            .is_empty()
    );
    let query = UsageQuery {
        from: Some("2026-11-01T00:00:00Z".parse().unwrap()),
        tenant_id: Some(made.id),
        ..UsageQuery::by(model::UsageOf::Network)
    };
    assert!(client.usage(&query).await.unwrap().is_empty());
    assert_eq!(*served.pool.usage_queries.lock().unwrap(), [query]);
}

#[tokio::test]
async fn a_problem_of_the_server_arrives_whole() {
    let served = serve_pool();
    let query = ListQuery::default().filter("colour", "red");
    let refused = problem(served.client.list::<Network>(&query).await.unwrap_err());
    assert_eq!(refused.code, Code::InvalidParameter);
    assert_eq!(refused.errors[0].field, "colour");
    let absent = served
        .client
        .get::<Network>(Uuid::now_v7())
        .await
        .unwrap_err();
    assert_eq!(problem(absent).code, Code::NotFound);
    let path = served.directory.path().join("api.sock");
    let stranger = Client::new(Server::Unix(path), Some("wrong")).unwrap();
    let refused = stranger
        .list::<Network>(&ListQuery::default())
        .await
        .unwrap_err();
    assert_eq!(problem(refused).code, Code::Unauthenticated);
}

#[tokio::test]
async fn a_whole_list_is_read_from_many_pages_and_a_part_from_no_more_than_it_takes() {
    let served = serve_pool();
    for _ in 0..2500 {
        served.pool.ports.put(test_pool::port(None));
    }
    let query = ListQuery::default();
    assert_eq!(
        served.client.list_all::<PortView>(&query).await.unwrap(),
        served.pool.ports.all()
    );
    for count in [0, 1, 1000, 1001, 2500, 9999] {
        let found = served
            .client
            .list_first::<PortView>(&query, count)
            .await
            .unwrap();
        assert_eq!(found, served.pool.ports.all()[..count.min(2500)]);
    }
}

#[tokio::test]
async fn creations_have_a_new_idempotency_key_each() {
    let served = serve_pool();
    for _ in 0..2 {
        let _made: Tenant = served.client.create(&acme()).await.unwrap();
    }
    let callers = served.pool.callers.lock().unwrap();
    let key = |index: usize| callers[index].idempotency.clone().unwrap().key;
    assert_ne!(key(0), key(1));
}

#[tokio::test]
async fn a_creation_is_repeated_under_its_key_when_the_connection_fails() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let pool: Arc<TestPool> = Arc::default();
    let client = Client::new(Server::Unix(path), Some(TOKEN)).unwrap();
    let making = tokio::spawn(async move { client.create::<Tenant>(&acme()).await });
    // The first connection hears the request and dies.
    let (mut first, _) = listener.accept().await.unwrap();
    let mut heard = vec![0; 4096];
    let length = first.read(&mut heard).await.unwrap();
    let heard = String::from_utf8_lossy(&heard[..length]).to_lowercase();
    drop(first);
    let stop = CancellationToken::new();
    tokio::spawn(serve::unix(
        listener,
        router(Arc::clone(&pool)),
        stop.clone(),
    ));
    assert_eq!(making.await.unwrap().unwrap().name.as_str(), "acme");
    let callers = pool.callers.lock().unwrap().clone();
    assert_eq!(callers.len(), 1);
    assert!(heard.contains(&callers[0].idempotency.clone().unwrap().key));
    stop.cancel();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let client = Client::new(Server::Unix(path), Some(TOKEN)).unwrap();
    let failed = client.create::<Tenant>(&acme()).await.unwrap_err();
    assert!(
        matches!(failed, ClientError::Unreachable { .. }),
        "{failed:?}"
    );
    let failed = client.delete::<Tenant>(Uuid::now_v7()).await.unwrap_err();
    assert!(
        matches!(failed, ClientError::Unreachable { .. }),
        "{failed:?}"
    );
}

#[tokio::test]
async fn an_answer_that_is_none_of_this_api_is_told_as_such() {
    async fn babble(request: Request, _: Next) -> Response {
        let body = match request.uri().path() {
            "/v1/health" => "<html>".into(),
            _ => axum::body::Body::from_stream(futures::stream::repeat_with(|| {
                Ok::<_, std::io::Error>(vec![b' '; 1 << 20])
            })),
        };
        Response::new(body)
    }
    let (client, _directory, stop) = serve_router(Router::new().layer(from_fn(babble)));
    let failed = client.health().await.unwrap_err();
    assert!(
        matches!(failed, ClientError::Answer { status: 200, .. }),
        "{failed:?}"
    );
    let endless = client.version().await.unwrap_err();
    assert!(
        matches!(endless, ClientError::TooLarge { .. }),
        "{endless:?}"
    );
    stop.cancel();
}

#[test]
fn unusable_servers_and_tokens_are_refused_before_anything_is_sent() {
    let unix = || Server::Unix("/nowhere".into());
    for token in ["", "two words", "two\nlines", "ümlaut"] {
        assert!(Client::new(unix(), Some(token)).is_err(), "{token:?}");
    }
    let https = |url: &str, ca_pem: &[u8]| Server::Https {
        url: url.to_owned(),
        ca_pem: ca_pem.to_vec(),
    };
    let ca_pem = serve::tests::certificates().ca_pem;
    assert!(Client::new(https("https://localhost", b"no PEM"), None).is_err());
    assert!(Client::new(https("http://localhost", ca_pem.as_bytes()), None).is_err());
    assert!(Client::new(https("https://localhost", ca_pem.as_bytes()), None).is_ok());
}

#[test]
fn the_token_is_in_no_debug_output() {
    let client = Client::new(Server::Unix("/nowhere".into()), Some(TOKEN)).unwrap();
    assert!(!format!("{client:?}").contains(TOKEN));
}

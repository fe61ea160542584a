//! The proof that the controller is reached over a new way.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::links;
use crate::session::Controller;

/// How long one handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// Where the session with the controller is open from; none while there is none.
pub type Open = watch::Receiver<Option<IpAddr>>;

/// Waits until the controller is reached: by the link it shall be reached by, with a connection that
/// is new and proves who it is, and with a session that speaks from the same address.
pub async fn reached(controller: Arc<Controller>, session: Open, by: Option<String>) {
    loop {
        match attempt(&controller, &session, by.as_deref()).await {
            Ok(()) => return,
            Err(reason) => debug!("the controller is not reached yet: {reason}"),
        }
        sleep(PAUSE).await;
    }
}

async fn attempt(controller: &Controller, session: &Open, by: Option<&str>) -> Result<(), String> {
    let way = links::interface_towards(controller.address()).map_err(|it| it.to_string())?;
    if by.is_some_and(|by| by != way) {
        return Err(format!("{way} leads to it"));
    }
    let handshake = timeout(HANDSHAKE_TIMEOUT, controller.prove()).await;
    let local = handshake.map_err(|_| "it is silent".to_owned())?;
    let local = local.map_err(|error| error.to_string())?;
    match *session.borrow() {
        Some(address) if address == local => Ok(()),
        Some(address) => Err(format!("the session is still from {address}")),
        None => Err("there is no session".to_owned()),
    }
}

//! Ports that are made for containers, and deleted with them.
//!
//! A note on disk says which port was asked for before it is: `<state>/cni/<hash>.json`. So a port of a
//! container is found again by its name, whatever dies in between, and what one host made no other deletes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::client::{Client, ClientError, ListQuery, Server};
use api::problem::Code;
use api::request::PortCreate;
use api::resource::{PortView, Resource};
use model::{Limits, Network, NetworkId, PortId, Tenant, TenantId};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use uuid::Uuid;

use super::answer::{ErrorCode, Failure};
use super::call::{Call, Which};
use crate::containers::Place;

/// How long the controller may take, for all that it is asked.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest token, certificate or note, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    list: String,
    place: Place,
    network_id: NetworkId,
    /// The port's name, unique in its tenant.
    port_name: String,
}

/// Where a port comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was made just now.
    New,
    /// It was made for this interface before, and may be in use.
    Found,
}

/// Makes and deletes ports of containers.
pub struct Made {
    folder: PathBuf,
    client: Client,
    runtime: Runtime,
}

impl Made {
    /// As the configuration says.
    ///
    /// # Errors
    /// When there is no token, or none that could be one.
    pub fn of(call: &Call) -> Result<Self, Failure> {
        let Some(token_file) = &call.token_file else {
            let says = "bulkhead.token_file is missing: with which token are ports made?";
            return Err(Failure::new(ErrorCode::Configuration, says));
        };
        let token = read(token_file)?;
        let server = server(&call.controller, call.ca_file.as_deref())?;
        let client = Client::new(server, Some(token.trim())).map_err(refused)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| io_failure("could not start", &error))?;
        Ok(Self {
            folder: call.state.join("cni"),
            client,
            runtime,
        })
    }

    /// Makes a port for this interface of a container, or finds the one that was made for it.
    ///
    /// # Errors
    /// When the controller would not.
    pub fn make(&self, call: &Call, place: &Place) -> Result<(PortId, Origin), Failure> {
        let found = self.wait(self.place_of(call))?;
        let (network_id, tenant_id) = found?;
        let hash = hash(&call.list, place);
        let note = Note {
            list: call.list.clone(),
            place: place.clone(),
            network_id,
            port_name: format!("cni-{hash}"),
        };
        self.write(&hash, &note)?;
        self.wait(async {
            if let Some(port) = self.find(&note).await? {
                return Ok((port, Origin::Found));
            }
            let name = note.port_name.parse();
            let request = PortCreate {
                network_id,
                tenant_id,
                name: Some(name.map_err(|error| io_failure("a port's name", &error))?),
                mac: call.mac,
                addresses: Some(call.addresses.clone()).filter(|it| !it.is_empty()),
                allowed: Vec::new(),
                spoof_guard: None,
                limits: Limits::default(),
                security_group_ids: None,
                host_id: None,
            };
            let port: PortView = self.client.create(&request).await.map_err(refused)?;
            Ok((port.port.id, Origin::New))
        })?
    }

    /// Deletes the port that was made for this interface of a container, if one was.
    ///
    /// # Errors
    /// When the controller would not.
    pub fn delete(&self, place: &Place, list: &str) -> Result<(), Failure> {
        let hash = hash(list, place);
        match self.note(&hash)? {
            Some(note) => self.forget(&hash, &note),
            None => Ok(()),
        }
    }

    /// Deletes the ports that were made on this host by this configuration, but for those of these.
    ///
    /// # Errors
    /// When the controller would not.
    pub fn retain(&self, list: &str, valid: &[Place]) -> Result<(), Failure> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io_failure("could not list what was made", &error)),
        };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let hash = path.file_stem().and_then(|it| it.to_str());
            let Some(hash) = hash.filter(|_| path.extension().is_some_and(|it| it == "json"))
            else {
                continue;
            };
            let Some(note) = self.note(hash)? else {
                continue;
            };
            if note.list == list && !valid.contains(&note.place) {
                self.forget(hash, &note)?;
            }
        }
        Ok(())
    }

    /// Whether ports could be made.
    ///
    /// # Errors
    /// When not.
    pub fn ready(&self, call: &Call) -> Result<(), Failure> {
        self.wait(self.place_of(call))?.map(drop)
    }

    fn forget(&self, hash: &str, note: &Note) -> Result<(), Failure> {
        self.wait(async {
            let Some(port) = self.find(note).await? else {
                return Ok(());
            };
            match self.client.delete::<PortView>(port.uuid()).await {
                Err(ClientError::Refused(problem)) if problem.code == Code::NotFound => Ok(()),
                deleted => deleted.map_err(refused),
            }
        })??;
        match fs::remove_file(self.path(hash)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_failure("could not forget what was made", &error))
            }
            _ => Ok(()),
        }
    }

    async fn find(&self, note: &Note) -> Result<Option<PortId>, Failure> {
        let query = ListQuery::default()
            .filter("name", &note.port_name)
            .filter("network_id", note.network_id);
        let found: Vec<PortView> = self.client.list_all(&query).await.map_err(refused)?;
        Ok(found.first().map(|it| it.port.id))
    }

    /// The network that is meant, and the tenant whose port it is to be if that is said.
    async fn place_of(&self, call: &Call) -> Result<(NetworkId, Option<TenantId>), Failure> {
        let Some(Which::Network(network)) = &call.which else {
            let says = "no network is named";
            return Err(Failure::new(ErrorCode::Configuration, says));
        };
        let tenant = match &call.tenant {
            Some(tenant) => Some(self.only::<Tenant>(tenant, ListQuery::default()).await?.id),
            None => None,
        };
        let own = match tenant {
            Some(tenant) => ListQuery::default().filter("tenant_id", tenant),
            None => ListQuery::default(),
        };
        let network: Network = self.only(network, own).await?;
        Ok((network.id, tenant))
    }

    /// The only one of this name or id.
    async fn only<T: Resource>(&self, text: &str, query: ListQuery) -> Result<T, Failure> {
        if let Ok(id) = Uuid::try_parse(text) {
            return self.client.get(id).await.map_err(refused);
        }
        let named = self.client.list_all(&query.filter("name", text)).await;
        let mut named: Vec<T> = named.map_err(refused)?;
        let (noun, count) = (T::NOUN, named.len());
        match named.pop() {
            Some(only) if count == 1 => Ok(only),
            _ => {
                let says = format!(
                    "bulkhead.{noun}: there are {count} called {text:?}; expected the name of one, \
                     with its tenant where several use it, or its id"
                );
                Err(Failure::new(ErrorCode::Configuration, says))
            }
        }
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let done = self
            .runtime
            .block_on(async { timeout(PATIENCE, work).await });
        done.map_err(|_| Failure::new(ErrorCode::TryAgain, "the controller gave no answer in time"))
    }

    fn path(&self, hash: &str) -> PathBuf {
        self.folder.join(format!("{hash}.json"))
    }

    fn note(&self, hash: &str) -> Result<Option<Note>, Failure> {
        let path = self.path(hash);
        if !path.exists() {
            return Ok(None);
        }
        let note = serde_json::from_str(&read(&path)?);
        let failed = |error| {
            let says = format!("{} is no note of ours", path.display());
            Failure::new(ErrorCode::Decoding, says).why(&error as &dyn std::fmt::Display)
        };
        note.map(Some).map_err(failed)
    }

    fn write(&self, hash: &str, note: &Note) -> Result<(), Failure> {
        let failed = |error| io_failure("could not note what is to be made", &error);
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let text = serde_json::to_vec(note).map_err(|error| failed(error.into()))?;
        // A note that is cut off would be in the way of everything after it.
        let unnamed = self.folder.join(format!("{hash}.new"));
        fs::write(&unnamed, text).map_err(failed)?;
        fs::rename(unnamed, self.path(hash)).map_err(failed)
    }
}

/// Whether a port was ever to be made for this interface of a container: otherwise nobody need be asked.
#[must_use]
pub fn is_noted(call: &Call, place: &Place) -> bool {
    let hash = hash(&call.list, place);
    call.state.join("cni").join(format!("{hash}.json")).exists()
}

fn hash(list: &str, place: &Place) -> String {
    let named = format!("{list}\0{}\0{}", place.container, place.inside);
    let hash = digest(&SHA256, named.as_bytes());
    let bytes = hash.as_ref().iter().take(12);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn server(text: &str, ca_file: Option<&Path>) -> Result<Server, Failure> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Server::Unix(path.into()));
    }
    let Some(ca_file) = ca_file.filter(|_| text.starts_with("https://")) else {
        let says = format!(
            "bulkhead.controller: got {text:?}; expected unix:/path, or https://host:port with ca_file"
        );
        return Err(Failure::new(ErrorCode::Configuration, says));
    };
    Ok(Server::Https {
        url: text.to_owned(),
        ca_pem: read(ca_file)?.into_bytes(),
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    use std::io::Read;
    let failed = |error| io_failure(&format!("could not read {}", path.display()), &error);
    let file = fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    let mut file = file.take(MOST_BYTES);
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn io_failure(says: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::Io, says).why(error)
}

/// What the controller would not is for whoever configured it; that it was not there passes.
fn refused(error: ClientError) -> Failure {
    let code = match &error {
        ClientError::Unreachable { .. } => ErrorCode::TryAgain,
        _ => ErrorCode::Refused,
    };
    Failure::new(code, format!("{:#}", anyhow::Error::from(error)))
}

//! Which server to speak to, and with which token.
//!
//! The nearest word counts: a flag before the environment, a server before a lab, and at last the
//! controller of this machine. The token itself is never on the command line, where every user of
//! the machine could read it.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use api::client::{Client, Server};
use clap::Args;

use crate::exit::Exit;
use crate::failure::{Failure, START_A_SERVER};

#[cfg(test)]
mod tests;

/// Where the controller's socket is on this machine.
const DEFAULT_SOCKET: &str = "/var/lib/bulkhead/api.sock";

/// The token file beside a controller's socket.
const TOKEN_FILE: &str = "admin.token";

/// The largest file that can be a token or a certificate, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// How to reach the controller.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Connection {
    /// The server: unix:/path or https://host:port [env: NETCTL_SERVER] [default:
    /// unix:/var/lib/bulkhead/api.sock]
    #[arg(long, value_name = "SERVER", global = true)]
    server: Option<String>,
    /// The file with the token [env: NETCTL_TOKEN_FILE] [default: admin.token beside the socket]
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// The certificate of the server's authority, in PEM, for https [env: NETCTL_CA]
    #[arg(long, value_name = "FILE", global = true)]
    ca: Option<PathBuf>,
    /// Speak to the controller of the lab in this directory [env: NETCTL_LAB]
    #[arg(long, value_name = "DIR", global = true)]
    lab: Option<PathBuf>,
}

/// A server, and where its token and certificate are.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    server: String,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
}

impl Connection {
    /// A client of the server that is meant.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let target = self.target(|name| std::env::var_os(name));
        let server = target.server()?;
        let Some(token_file) = &target.token_file else {
            return Err(Failure::new(Exit::Usage, "which token is for this server?")
                .next("name its file with --token-file or NETCTL_TOKEN_FILE"));
        };
        let token = read_file(token_file, Exit::NoToken);
        let token = token.map_err(|failure| target.absent().unwrap_or(failure))?;
        let token = String::from_utf8_lossy(&token).into_owned();
        Ok(Client::new(server, Some(token.trim()))?)
    }

    /// The lab that is meant, if one is.
    pub(crate) fn lab_directory(&self) -> Option<PathBuf> {
        let from_environment = || std::env::var_os("NETCTL_LAB").map(PathBuf::from);
        self.lab.clone().or_else(from_environment)
    }

    /// A connection to the controller of one lab, whatever the environment says.
    pub(crate) fn to_lab(directory: &Path) -> Self {
        Self {
            lab: Some(directory.to_path_buf()),
            ..Self::default()
        }
    }

    fn target(&self, environment: impl Fn(&str) -> Option<OsString>) -> Target {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let path = |name: &str| variable(name).map(PathBuf::from);
        let of_lab = |lab: PathBuf| socket_in(&lab.join("controller"));
        let by_flag = self.server.clone().or_else(|| self.lab.clone().map(of_lab));
        let server = by_flag
            .or_else(|| variable("NETCTL_SERVER").map(|text| text.to_string_lossy().into_owned()))
            .or_else(|| path("NETCTL_LAB").map(of_lab))
            .unwrap_or_else(|| format!("unix:{DEFAULT_SOCKET}"));
        // A token beside the socket fits it better than one from the environment only if the
        // server was not named there as well.
        let beside = beside_socket(&server);
        let token_file = self
            .token_file
            .clone()
            .or_else(|| match self.names_server() {
                true => beside.clone().or_else(|| path("NETCTL_TOKEN_FILE")),
                false => path("NETCTL_TOKEN_FILE").or_else(|| beside.clone()),
            });
        Target {
            server,
            token_file,
            ca: self.ca.clone().or_else(|| path("NETCTL_CA")),
        }
    }

    fn names_server(&self) -> bool {
        self.server.is_some() || self.lab.is_some()
    }
}

impl Target {
    /// Where there is no socket, there is no token beside it either; the first is what to say.
    fn absent(&self) -> Option<Failure> {
        let socket = Path::new(self.server.strip_prefix("unix:")?);
        let says = format!("there is no server at {}", self.server);
        (!socket.exists()).then(|| Failure::new(Exit::Unreachable, says).next(START_A_SERVER))
    }

    fn server(&self) -> Result<Server, Failure> {
        if let Some(path) = self.server.strip_prefix("unix:") {
            return Ok(Server::Unix(path.into()));
        }
        if !self.server.starts_with("https://") {
            let says = format!("{} is not a server", self.server);
            return Err(
                Failure::new(Exit::Usage, says).next("write unix:/path or https://host:port")
            );
        }
        let Some(ca) = &self.ca else {
            let says = "which authority vouches for this server?";
            return Err(Failure::new(Exit::Usage, says)
                .next("name its certificate (the controller's ca.pem) with --ca or NETCTL_CA"));
        };
        Ok(Server::Https {
            url: self.server.clone(),
            ca_pem: read_file(ca, Exit::Local)?,
        })
    }
}

fn socket_in(directory: &Path) -> String {
    format!("unix:{}", directory.join("api.sock").display())
}

fn beside_socket(server: &str) -> Option<PathBuf> {
    let socket = Path::new(server.strip_prefix("unix:")?);
    Some(socket.parent()?.join(TOKEN_FILE))
}

fn read_file(path: &Path, exit: Exit) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(
            Failure::new(exit, format!("could not read {}", path.display()))
                .because(error.to_string())
                .next("check --server, --lab and the file's name; it may need root"),
        ),
    }
}

//! What a runtime is answered: results and errors, in the version that it speaks. Pure.

use std::fmt::Display;
use std::path::Path;

use serde_json::{Value, json};

use crate::containers::{Attachment, Place};

/// The versions that are spoken, the oldest first.
pub const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", NEWEST];

/// The newest of them.
pub const NEWEST: &str = "1.1.0";

/// What went wrong, by the specification's numbers; from 100 on they are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The configuration is of a version that is not spoken.
    Version = 1,
    /// Something in the environment is missing or wrong.
    Environment = 4,
    /// Reading or writing failed.
    Io = 5,
    /// What was read is not what it should be.
    Decoding = 6,
    /// The configuration is wrong.
    Configuration = 7,
    /// What is needed is not there now.
    TryAgain = 11,
    /// Nothing can be added now.
    NotReady = 50,
    /// The agent would not, or what was made is not as it was.
    NotAsItWas = 100,
    /// The controller would not.
    Refused = 101,
}

/// An error as a runtime is told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    code: ErrorCode,
    says: String,
    details: String,
}

impl Failure {
    /// An error that needs no more words.
    #[must_use]
    pub fn new(code: ErrorCode, says: impl Into<String>) -> Self {
        Self {
            code,
            says: says.into(),
            details: String::new(),
        }
    }

    /// The same, with a reason.
    #[must_use]
    pub fn why(self, details: &dyn Display) -> Self {
        Self {
            details: details.to_string(),
            ..self
        }
    }

    /// The same, as the reason why nothing can be added.
    #[must_use]
    pub fn as_status(self) -> Self {
        let code = ErrorCode::NotReady;
        Self { code, ..self }
    }

    /// Its code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// As the runtime reads it.
    #[must_use]
    pub fn json(&self, version: Option<&str>) -> Value {
        let version = version.unwrap_or(NEWEST);
        let code = self.code as u32;
        let mut error = json!({"cniVersion": version, "code": code, "msg": self.says});
        if !self.details.is_empty() {
            error["details"] = json!(self.details);
        }
        error
    }
}

/// What was added.
#[must_use]
pub fn result(version: &str, attachment: &Attachment, place: &Place, namespace: &Path) -> Value {
    let Attachment {
        link,
        interface,
        routes,
        resolvers,
        domain,
    } = attachment;
    let ips = interface.addresses.iter().map(|address| {
        let is_v4 = address.addr().is_ipv4();
        let gateway = interface.gateways.iter();
        let gateway = gateway.clone().find(|it| it.is_ipv4() == is_v4);
        let mut ip = json!({"address": address, "interface": 1});
        if let Some(gateway) = gateway {
            ip["gateway"] = json!(gateway);
        }
        if version.starts_with("0.") {
            ip["version"] = json!(if is_v4 { "4" } else { "6" });
        }
        ip
    });
    let defaults = interface.gateways.iter().map(|gateway| {
        let everywhere = if gateway.is_ipv4() {
            "0.0.0.0/0"
        } else {
            "::/0"
        };
        json!({"dst": everywhere, "gw": gateway})
    });
    let routes = routes.iter();
    let routes = routes.map(|it| json!({"dst": it.destination, "gw": it.next_hop}));
    let mut interfaces = [
        json!({"name": link}),
        json!({"name": place.inside, "mac": interface.mac, "sandbox": namespace}),
    ];
    if version == NEWEST {
        interfaces
            .iter_mut()
            .for_each(|it| it["mtu"] = json!(interface.mtu));
    }
    let mut dns = json!({"nameservers": resolvers});
    if let Some(domain) = domain {
        dns["domain"] = json!(domain);
        dns["search"] = json!([domain]);
    }
    json!({
        "cniVersion": version,
        "interfaces": interfaces,
        "ips": ips.collect::<Vec<_>>(),
        "routes": defaults.chain(routes).collect::<Vec<_>>(),
        "dns": dns,
    })
}

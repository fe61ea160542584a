//! `nic-list`

use api::client::{Client, ListQuery};
use api::resource::HostView;
use clap::Args;
use model::{Nic, NicUse};
use serde::Serialize;

use super::Outcome;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};
use crate::resolve::{Scope, resolve};

/// Whose NICs to list.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  netctl nic-list host=h1")]
pub(crate) struct List {
    /// Only this host's
    #[arg(long)]
    host: Option<String>,
}

/// A NIC of a host.
#[derive(Serialize)]
struct Row {
    host: String,
    #[serde(flatten)]
    nic: Nic,
}

const COLUMNS: &[Column<Row>] = &[
    column("host", |it, _| it.host.as_str().into()),
    column("name", |it, _| it.nic.name.as_str().into()),
    column("mac", |it, _| it.nic.mac.to_string().into()),
    column("carrier", |it, _| match it.nic.carrier {
        true => "yes".into(),
        false => "no".into(),
    }),
    column("mbit_s", |it, _| {
        let speed = it.nic.speed_mbps.map(|speed| speed.to_string());
        speed.unwrap_or_default().into()
    }),
    column("mtu", |it, _| it.nic.mtu.to_string().into()),
    column("addresses", |it, _| {
        let addresses = it.nic.addresses.iter().map(ToString::to_string);
        addresses.collect::<Vec<_>>().join(" ").into()
    }),
    column("default_route", |it, _| match it.nic.default_route {
        true => "yes".into(),
        false => "no".into(),
    }),
    column("used_by", |it, _| used_by(it.nic.used_by.as_ref()).into()),
    column("driver", |it, _| {
        it.nic.driver.clone().unwrap_or_default().into()
    }),
];

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let hosts: Vec<HostView> = match &self.host {
            Some(host) => vec![resolve(client, host, Scope::Pool).await?],
            None => client.list_all(&ListQuery::default().sort("name")).await?,
        };
        let rows = hosts.into_iter().flat_map(|view| {
            let host = view.host.name.to_string();
            let nics = view.status.nics.into_iter();
            nics.map(move |nic| Row {
                host: host.clone(),
                nic,
            })
        });
        let rows: Vec<Row> = rows.collect();
        let id = |row: &Row| row.nic.name.to_string();
        let listing = Listing::with_ids(&rows, COLUMNS, &Names::default(), id);
        Ok(Output::List(listing).into())
    }
}

fn used_by(user: Option<&NicUse>) -> String {
    match user {
        None => String::new(),
        Some(NicUse::Other { name }) => name.clone(),
        Some(NicUse::PhysicalNetworks { names, bond }) => {
            let names: Vec<&str> = names.iter().map(|it| it.as_str()).collect();
            let names = names.join(" ");
            match bond {
                Some(bond) => format!("{names} ({bond})"),
                None => names,
            }
        }
    }
}

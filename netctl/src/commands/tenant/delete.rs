//! `tenant-delete`

use std::fmt::Write;

use api::client::Client;
use api::resource::{ListedObject, TenantContents};
use clap::Args;
use model::Tenant;

use crate::commands::{Outcome, delete, resolve_tenant};
use crate::print::{Output, json};

/// The most objects of one noun that are named in a text; JSON has all of them.
const NAMED: usize = 20;

/// Which tenant to delete, and with what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  netctl tenant-delete acme --preview     # what would go; nothing is changed
  netctl tenant-delete acme --cascade     # all of it, at once or not at all")]
pub(crate) struct Delete {
    /// Its name, its id, or the start of its id
    name: String,
    /// List all that is the tenant's, the hosts that it is on, and what is in the way; change nothing
    #[arg(long)]
    preview: bool,
    /// Delete all that is the tenant's with it, in one change
    #[arg(long, conflicts_with = "preview")]
    cascade: bool,
}

impl Delete {
    pub(in crate::commands) async fn run(&self, client: &Client) -> Outcome {
        if !self.preview && !self.cascade {
            return delete::<Tenant>(client, (&self.name, None)).await;
        }
        let tenant = resolve_tenant(client, &self.name).await?;
        let (says, contents) = match self.preview {
            true => ("would go with", client.tenant_contents(tenant.id).await?),
            false => ("went with", client.tenant_delete_whole(tenant.id).await?),
        };
        let output = Output::Said {
            id: tenant.id.to_string(),
            json: json(&contents),
            text: text(says, &contents),
        };
        Ok(output.into())
    }
}

fn text(says: &str, contents: &TenantContents) -> String {
    let mut text = format!("this {says} tenant {}:", contents.name);
    for list in &contents.objects {
        let (count, noun) = (list.count, list.noun.replace('_', " "));
        // Writing to a text cannot fail.
        let _ = write!(text, "\n  {count} {noun}: {}", names(&list.objects));
    }
    let hosts = match contents.hosts.is_empty() {
        true => "none".to_owned(),
        false => names(&contents.hosts),
    };
    let _ = write!(text, "\nhosts whose plans change: {hosts}");
    for obstacle in &contents.obstacles {
        let _ = write!(text, "\nin the way: {obstacle}");
    }
    text
}

fn names(objects: &[ListedObject]) -> String {
    let named = objects.iter().take(NAMED).map(|it| match &it.name {
        Some(name) => name.to_string(),
        None => it.id.to_string(),
    });
    let named: Vec<String> = named.collect();
    match objects.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

//! Traces: asked for and answered at once; nothing is made, nothing is sent.

use std::num::NonZeroU16;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::Response;
use model::TracedProtocol;

use super::fields::Fields;
use super::handler::{bad_body, finish};
use super::respond::json;
use super::value::PacketBytes;
use crate::backend::{Backend, Outcome};
use crate::problem::FieldCode;
use crate::request::TraceRequest;

#[cfg(test)]
mod tests;

pub(super) async fn make<B: Backend>(
    State(backend): State<Arc<B>>,
    body: Result<Bytes, BytesRejection>,
) -> Outcome<Response> {
    let body = body.map_err(|rejection| bad_body(&rejection))?;
    let mut fields = Fields::of_body(&body)?;
    let request = read(&mut fields);
    let request = fields.finish(request)?;
    let trace = async move { backend.trace(request).await };
    Ok(json(StatusCode::OK, &finish(trace).await?))
}

fn read(fields: &mut Fields) -> Option<TraceRequest> {
    // What is there and cannot be read is complained of by itself.
    let receivers = ["to_port_id", "to_address"].map(|it| fields.has(it));
    let senders = ["from_port_id", "from_address"].map(|it| fields.has(it));
    let from_port_id = fields.optional("from_port_id");
    let tenant_id = fields.optional("tenant_id");
    let to_port_id = fields.optional("to_port_id");
    let to_address = fields.optional("to_address");
    let protocol: TracedProtocol = fields.optional("protocol").unwrap_or_default();
    let port = fields.optional("port").map(NonZeroU16::get);
    let source_port = fields.optional("source_port").map(NonZeroU16::get);
    let from_address = fields.optional("from_address");
    let from_mac = fields.optional("from_mac");
    let bytes = fields.optional("bytes").map(|PacketBytes(it)| it);
    let state = fields.optional("state").unwrap_or_default();
    if receivers[0] == receivers[1] {
        let message = "expected either to_port_id or to_address, and not both";
        fields.refuse("to_port_id", FieldCode::Inconsistent, message);
    }
    if senders == [false, false] {
        let message = "expected the VIF that sends it, or from_address of a machine outside";
        fields.refuse("from_port_id", FieldCode::Required, message);
    }
    for (name, given) in [("port", port), ("source_port", source_port)] {
        if protocol == TracedProtocol::Icmp && given.is_some() {
            let message = "ICMP has no ports; expected one only with protocol \"tcp\" or \"udp\"";
            fields.refuse(name, FieldCode::Inconsistent, message);
        }
    }
    Some(TraceRequest {
        from_port_id,
        tenant_id,
        to_port_id,
        to_address,
        protocol,
        port,
        source_port,
        from_address,
        from_mac,
        bytes,
        state,
    })
}

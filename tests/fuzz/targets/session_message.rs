//! Any bytes, as frames of the agent session: what the controller reads from an agent, and what an
//! agent reads from a controller.
#![no_main]

use api::session::{AgentCodec, ControllerCodec};
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use tokio_util::codec::Decoder;

fuzz_target!(|bytes: &[u8]| {
    let mut buffer = BytesMut::from(bytes);
    let mut codec = ControllerCodec::default();
    while let Ok(Some(_)) = codec.decode(&mut buffer) {}
    let mut buffer = BytesMut::from(bytes);
    let mut codec = AgentCodec::default();
    while let Ok(Some(_)) = codec.decode(&mut buffer) {}
    // The same without a frame around it, so that the fuzzer need not guess a length.
    let _ = serde_json::from_slice::<api::session::FromAgent>(bytes);
    let _ = serde_json::from_slice::<api::session::FromController>(bytes);
    let _ = serde_json::from_slice::<model::plan::HostPlan>(bytes);
});

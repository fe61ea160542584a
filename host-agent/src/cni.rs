//! The plugin that container runtimes call (<https://www.cni.dev/docs/spec/>, version 1.1).
//!
//! ```text
//!   runtime --environment, configuration--> bulkhead-cni --Request--> agent of this host
//!           <-------------result, error----             --REST------> controller, where it is to make ports
//! ```
//!
//! [`call`] reads what is asked, [`answer`] writes what came of it, both purely; [`made`] makes ports at the
//! controller, with the token that the configuration names, and remembers them until they are deleted.
//! The agent is given the id of a port and no more: a host can plug in what exists, and make nothing.

pub mod answer;
pub mod call;
pub mod made;

use std::io::Read;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::containers::{Attachment, Place, Request};
use crate::hold::asking::ask;
use crate::hold::{Answer, Question};
use answer::{ErrorCode, Failure, NEWEST, VERSIONS};
use call::{Call, Command, Which};
use made::{Made, Origin};

/// How long a link may take until its frames pass, in seconds.
const SECONDS: u64 = 30;

/// How long an agent may take to answer where it has nothing to wait for, in seconds.
const AT_ONCE: u64 = 5;

/// The largest configuration, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Does what the environment and standard input ask, and prints what came of it.
#[must_use]
pub fn run() -> ExitCode {
    let mut input = Vec::new();
    let read = std::io::stdin().take(MOST_BYTES).read_to_end(&mut input);
    let done = match read {
        Ok(_) => carry_out(&|name| std::env::var(name).ok(), &input),
        Err(error) => {
            Err(Failure::new(ErrorCode::Io, "could not read the configuration").why(&error))
        }
    };
    match done {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(result)) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{}", failure.json(call::version_of(&input).as_deref()));
            ExitCode::FAILURE
        }
    }
}

fn carry_out(
    environment: &dyn Fn(&str) -> Option<String>,
    input: &[u8],
) -> Result<Option<Value>, Failure> {
    if environment("CNI_COMMAND").as_deref() == Some("VERSION") {
        let version = call::version_of(input);
        let version = version.as_deref().unwrap_or(NEWEST);
        return Ok(Some(
            json!({"cniVersion": version, "supportedVersions": VERSIONS}),
        ));
    }
    let call = Call::read(environment, input)?;
    match &call.command {
        Command::Add { place, namespace } => add(&call, place, namespace).map(Some),
        Command::Check {
            place,
            namespace,
            addresses,
        } => check(&call, place, namespace, addresses),
        Command::Delete { place } => delete(&call, place),
        Command::Collect { valid } => collect(&call, valid),
        Command::Status => status(&call),
    }
}

fn add(call: &Call, place: &Place, namespace: &std::path::Path) -> Result<Value, Failure> {
    let (port, origin) = match &call.which {
        Some(Which::Port(port)) => (*port, Origin::Found),
        _ => Made::of(call)?.make(call, place)?,
    };
    let request = Request::Attach {
        place: place.clone(),
        namespace: namespace.to_path_buf(),
        list: call.list.clone(),
        port,
        seconds: SECONDS,
    };
    let attached = attached(call, request, SECONDS);
    if attached.is_err() && origin == Origin::New {
        // What is not deleted now is when the runtime gives up, or collects.
        let _told_then = Made::of(call).and_then(|made| made.delete(place, &call.list));
    }
    Ok(answer::result(&call.version, &attached?, place, namespace))
}

fn check(
    call: &Call,
    place: &Place,
    namespace: &std::path::Path,
    addresses: &[ipnet::IpNet],
) -> Result<Option<Value>, Failure> {
    let request = Request::Look {
        place: place.clone(),
        namespace: namespace.to_path_buf(),
    };
    let attachment = attached(call, request, AT_ONCE)?;
    let gone = addresses
        .iter()
        .find(|it| !attachment.interface.addresses.contains(it));
    match gone {
        Some(address) => {
            let says = format!(
                "the port of {} does not have {address} any more",
                place.inside
            );
            Err(Failure::new(ErrorCode::NotAsItWas, says))
        }
        None => Ok(None),
    }
}

fn delete(call: &Call, place: &Place) -> Result<Option<Value>, Failure> {
    let place_named = place.clone();
    asked(call, Request::Detach { place: place_named }, AT_ONCE)?;
    if makes_ports(call) && made::is_noted(call, place) {
        Made::of(call)?.delete(place, &call.list)?;
    }
    Ok(None)
}

fn collect(call: &Call, valid: &[Place]) -> Result<Option<Value>, Failure> {
    let request = Request::Retain {
        list: call.list.clone(),
        keep: valid.to_vec(),
    };
    asked(call, request, AT_ONCE)?;
    if makes_ports(call) {
        Made::of(call)?.retain(&call.list, valid)?;
    }
    Ok(None)
}

fn status(call: &Call) -> Result<Option<Value>, Failure> {
    let ready = asked(call, Request::Ready, AT_ONCE);
    let ready = ready.and_then(|_| match makes_ports(call) {
        true => Made::of(call)?.ready(call),
        false => Ok(()),
    });
    ready.map_err(|failure| failure.as_status())?;
    Ok(None)
}

const fn makes_ports(call: &Call) -> bool {
    matches!(call.which, Some(Which::Network(_)))
}

fn attached(call: &Call, request: Request, seconds: u64) -> Result<Attachment, Failure> {
    match asked(call, request, seconds)? {
        Answer::Attached(attachment) => Ok(*attachment),
        other => {
            let says = format!("the agent answered another question: {other:?}");
            Err(Failure::new(ErrorCode::Decoding, says))
        }
    }
}

fn asked(call: &Call, request: Request, seconds: u64) -> Result<Answer, Failure> {
    let answer = ask(&call.state, &Question::Container(request), seconds);
    match answer {
        Ok(Answer::Refused { reason }) => Err(Failure::new(ErrorCode::NotAsItWas, reason)),
        Ok(answer) => Ok(answer),
        Err(error) => {
            let says = format!("{error:#}");
            Err(Failure::new(ErrorCode::TryAgain, says))
        }
    }
}

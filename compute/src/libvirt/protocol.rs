//! libvirt's remote protocol: messages over a stream, and the few procedures that are called here.
//!
//! ```text
//!   length  of all of it, these four bytes included
//!   program 0x20008086: the calls of the API   0x6b656570 ("keep"): signs of life
//!   version 1
//!   procedure
//!   kind    0 call, 1 reply, 2 event
//!   serial  of the call that is replied to; 0 of an event
//!   status  0 well, 1 the body is an error
//!   body    XDR (RFC 4506)
//! ```
//!
//! libvirt says that neither procedures nor their bodies ever change once released
//! (<https://libvirt.org/kbase/internals/rpc.html>).

use bytes::{Buf, Bytes, BytesMut};
use uuid::Uuid;

use super::xdr::{Reader, Writer, XdrError};

/// The calls of the API.
const REMOTE: u32 = 0x2000_8086;

/// Signs of life.
const KEEPALIVE: u32 = 0x6b65_6570;

const VERSION: u32 = 1;

const LENGTH_BYTES: usize = 4;
const HEADER_BYTES: usize = 28;

/// The longest message that is taken in. libvirt allows 32 MiB; what is asked for here stays far below.
const MOST_MESSAGE_BYTES: usize = 8 << 20;

/// The longest string that libvirt sends.
const MOST_TEXT_BYTES: u32 = 4 << 20;

/// The longest name of a domain.
const MOST_NAME_BYTES: u32 = 4096;

/// The most domains that one list has (`REMOTE_DOMAIN_LIST_MAX`).
const MOST_DOMAINS: u32 = 16_384;

/// `VIR_ERR_OPERATION_TIMEOUT`: something else is at work on the domain for too long.
const OPERATION_TIMEOUT: i32 = 68;

/// How a domain is sent to another host, `virDomainMigrateFlags`: while it runs (1), by one daemon to the other
/// (2), over their connection and no other (4); a domain that changes more than passes is slowed down (8192).
const MIGRATE_FLAGS: u32 = 1 | 2 | 4 | 8192;

/// `VIR_ERR_NO_DOMAIN`: there is no such domain, or no more.
const NO_DOMAIN: i32 = 42;

/// What can be called, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Procedure {
    /// `virConnectOpen`
    Open = 1,
    /// `virDomainCreateXML`
    CreateXml = 10,
    /// `virDomainDestroy`
    Destroy = 12,
    /// `virDomainGetXMLDesc`
    DomainXml = 14,
    /// How clients have to say who they are.
    Authentication = 66,
    /// `virConnectGetLibVersion`
    LibraryVersion = 157,
    /// `virDomainAttachDeviceFlags`
    AttachDevice = 160,
    /// `virDomainDetachDeviceFlags`
    DetachDevice = 161,
    /// `virConnectListAllDomains`
    ListDomains = 273,
    /// `virDomainMigratePerform3Params`
    Migrate = 305,
    /// `virConnectDomainEventRegisterAny`
    RegisterEvent = 316,
}

/// An event that can be asked for, `virDomainEventID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum EventId {
    /// A domain was defined, started, paused, resumed, stopped, moved.
    Lifecycle = 0,
    /// A device is gone from a running domain.
    DeviceRemoved = 15,
    /// A device came to a running domain.
    DeviceAdded = 19,
    /// A migration, for one, came to its end.
    JobCompleted = 21,
    /// Its metadata changed.
    MetadataChange = 23,
}

/// Which domains to list, `virConnectListAllDomainsFlags`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Listed {
    /// All that have a process, in whatever state.
    Active = 1,
    /// Those that libvirt keeps when they end.
    Persistent = 4,
    /// Those whose processors run.
    Running = 16,
    /// Those that are paused.
    Paused = 32,
}

/// As which a domain is described, `virDomainXMLFlags`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Described {
    /// As it runs.
    Live = 0,
    /// As it is started the next time.
    Kept = 2,
}

/// What a change of a domain's devices is made to, `virDomainModificationImpact`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Impact {
    /// The domain that runs.
    Live = 1,
    /// That, and the domain as it is started the next time: both or neither.
    Both = 3,
}

/// What is wrong with what libvirt sent.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// A message's length cannot be.
    #[error("a message of {0} bytes")]
    Length(u32),
    /// A value in it cannot be.
    #[error("a value that cannot be read")]
    Value(#[from] XdrError),
    /// It is of another protocol.
    #[error("a message of program {program:#x}, version {version}")]
    Program {
        /// Its program.
        program: u32,
        /// The program's version.
        version: u32,
    },
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The answer to the call with this serial number.
    Reply {
        /// Which call.
        serial: u32,
        /// Its result, or libvirt's complaint.
        outcome: Result<Bytes, Fault>,
    },
    /// Something happened.
    Event {
        /// The domain that it happened to, if the event says so where events do.
        domain: Option<Uuid>,
    },
    /// The other end asks whether we are there.
    Ping,
    /// Something that nobody here asked for.
    Other,
}

/// What libvirt says went wrong, `remote_error`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("libvirt says: {message}")]
pub struct Fault {
    /// `virErrorNumber`
    pub code: i32,
    /// The sentence for people.
    pub message: String,
}

impl Fault {
    /// Whether it is that the domain is gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.code == NO_DOMAIN
    }

    /// Whether it is that something else is at work on the domain.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.code == OPERATION_TIMEOUT
    }
}

/// A domain as calls name it, `remote_nonnull_domain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainRef {
    /// Its name, unique on the host.
    pub name: String,
    /// Its identifier, unique everywhere.
    pub uuid: Uuid,
    /// The number of this run of it; -1 while it does not run.
    pub run: i32,
}

impl DomainRef {
    fn encode(&self, to: Writer) -> Writer {
        let uuid = self.uuid.as_bytes();
        to.text(&self.name).fixed(uuid).i32(self.run)
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, XdrError> {
        Ok(Self {
            name: reader.text(MOST_NAME_BYTES)?.to_owned(),
            uuid: Uuid::from_bytes(reader.fixed()?),
            run: reader.i32()?,
        })
    }
}

/// Takes the first whole message off `buffer`; none, if it is not all there yet.
///
/// # Errors
/// When it is no message. What follows makes no sense then.
pub fn take_message(buffer: &mut BytesMut) -> Result<Option<Message>, ProtocolError> {
    let Some(length) = buffer.first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let claimed = u32::from_be_bytes(*length);
    let length = usize::try_from(claimed).unwrap_or(usize::MAX);
    if !(HEADER_BYTES..=MOST_MESSAGE_BYTES).contains(&length) {
        return Err(ProtocolError::Length(claimed));
    }
    if buffer.len() < length {
        return Ok(None);
    }
    let mut message = buffer.split_to(length);
    message.advance(LENGTH_BYTES);
    decode(message.freeze()).map(Some)
}

fn decode(message: Bytes) -> Result<Message, ProtocolError> {
    let mut reader = Reader::new(&message);
    let (program, version) = (reader.u32()?, reader.u32()?);
    let (procedure, kind) = (reader.u32()?, reader.u32()?);
    let (serial, status) = (reader.u32()?, reader.u32()?);
    if ![REMOTE, KEEPALIVE].contains(&program) || version != VERSION {
        return Err(ProtocolError::Program { program, version });
    }
    let body = message.slice(HEADER_BYTES - LENGTH_BYTES..);
    Ok(match (program, kind, status) {
        (REMOTE, 1, 0) => Message::Reply {
            serial,
            outcome: Ok(body),
        },
        (REMOTE, 1, _) => Message::Reply {
            serial,
            outcome: Err(decode_fault(&body)?),
        },
        (REMOTE, 2, _) => Message::Event {
            domain: event_domain(&body),
        },
        (KEEPALIVE, 2, _) if procedure == 1 => Message::Ping,
        _ => Message::Other,
    })
}

/// Every event begins with the number of who asked for it, and the domain.
fn event_domain(body: &[u8]) -> Option<Uuid> {
    let mut reader = Reader::new(body);
    reader.i32().ok()?;
    let domain = DomainRef::decode(&mut reader).ok()?;
    Some(domain.uuid)
}

fn decode_fault(body: &[u8]) -> Result<Fault, XdrError> {
    let mut reader = Reader::new(body);
    let code = reader.i32()?;
    let _domain = reader.i32()?;
    let message = reader.optional_text(MOST_TEXT_BYTES)?;
    Ok(Fault {
        code,
        message: message.unwrap_or("nothing").chars().take(512).collect(),
    })
}

/// A call as it is sent.
#[must_use]
pub fn encode_call(procedure: Procedure, serial: u32, body: Writer) -> Vec<u8> {
    let header = [REMOTE, VERSION, procedure as u32, 0, serial, 0];
    encode(header, &body.finish())
}

/// The answer to [`Message::Ping`].
#[must_use]
pub fn encode_pong() -> Vec<u8> {
    encode([KEEPALIVE, VERSION, 2, 2, 0, 0], &[])
}

fn encode(header: [u32; 6], body: &[u8]) -> Vec<u8> {
    let length = HEADER_BYTES.saturating_add(body.len());
    let start = Writer::default().u32(u32::try_from(length).unwrap_or(u32::MAX));
    let whole = header.into_iter().fold(start, Writer::u32);
    whole.fixed(body).finish()
}

/// The body of [`Procedure::Open`].
#[must_use]
pub fn open(uri: &str) -> Writer {
    Writer::default().some_text(uri).u32(0)
}

/// The body of [`Procedure::ListDomains`].
#[must_use]
pub fn list(which: Listed) -> Writer {
    Writer::default().i32(1).u32(which as u32)
}

/// The body of [`Procedure::DomainXml`].
#[must_use]
pub fn domain_xml(domain: &DomainRef, how: Described) -> Writer {
    domain.encode(Writer::default()).u32(how as u32)
}

/// The body of [`Procedure::CreateXml`].
#[must_use]
pub fn create_xml(xml: &str) -> Writer {
    Writer::default().text(xml).u32(0)
}

/// The body of [`Procedure::Destroy`].
#[must_use]
pub fn destroy(domain: &DomainRef) -> Writer {
    domain.encode(Writer::default())
}

/// The body of [`Procedure::Migrate`]: to the daemon at `uri`, without further parameters or a cookie.
#[must_use]
pub fn migrate(domain: &DomainRef, uri: &str) -> Writer {
    let body = domain.encode(Writer::default()).some_text(uri);
    body.u32(0).u32(0).u32(MIGRATE_FLAGS)
}

/// The body of [`Procedure::AttachDevice`] and [`Procedure::DetachDevice`].
#[must_use]
pub fn device(domain: &DomainRef, xml: &str, impact: Impact) -> Writer {
    domain
        .encode(Writer::default())
        .text(xml)
        .u32(impact as u32)
}

/// The body of [`Procedure::RegisterEvent`], for every domain.
#[must_use]
pub fn register(event: EventId) -> Writer {
    Writer::default().i32(event as i32).u32(0)
}

/// What [`Procedure::Authentication`] answers: the ways, of which 0 is none at all.
///
/// # Errors
/// When it is no such answer.
pub fn decode_authentication(body: &[u8]) -> Result<Vec<i32>, XdrError> {
    const MOST: u32 = 20;
    let mut reader = Reader::new(body);
    let count = reader.count(MOST)?;
    (0..count).map(|_| reader.i32()).collect()
}

/// What [`Procedure::LibraryVersion`] answers, as `major.minor.release`.
///
/// # Errors
/// When it is no such answer.
pub fn decode_version(body: &[u8]) -> Result<String, XdrError> {
    let version = Reader::new(body).u64()?;
    let (major, minor) = (version / 1_000_000, version / 1_000 % 1_000);
    Ok(format!("{major}.{minor}.{}", version % 1_000))
}

/// What [`Procedure::ListDomains`] answers.
///
/// # Errors
/// When it is no such answer.
pub fn decode_domains(body: &[u8]) -> Result<Vec<DomainRef>, XdrError> {
    let mut reader = Reader::new(body);
    let count = reader.count(MOST_DOMAINS)?;
    (0..count).map(|_| DomainRef::decode(&mut reader)).collect()
}

/// What [`Procedure::DomainXml`] answers.
///
/// # Errors
/// When it is no such answer.
pub fn decode_xml(body: &[u8]) -> Result<&str, XdrError> {
    Reader::new(body).text(MOST_TEXT_BYTES)
}

#[cfg(test)]
mod tests;

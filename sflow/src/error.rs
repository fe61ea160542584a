//! Why bytes are not an sFlow version 5 datagram.

/// Why a datagram, or a part of it, could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The version field is not 5: another protocol, or an older sFlow.
    #[error("not an sFlow version 5 datagram: the version field is {0}")]
    Version(u32),
    /// The agent's address is neither IPv4 nor IPv6 nor left out.
    #[error("the agent's address has the unknown type {0}")]
    AddressType(u32),
    /// The bytes end inside a structure, be it that the datagram was cut or that a length lies.
    #[error("the bytes end inside the {0}")]
    Truncated(&'static str),
}

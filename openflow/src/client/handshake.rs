//! The two hellos.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{CloseCause, Error, Options};
use crate::message::{FromSwitch, HELLO_FAILED, Hello, OpenFlowError, ToSwitch, take_frame};
use crate::wire::Version;

/// Says hello, listens to the switch's, and agrees on the highest common version. Returns what
/// was received beyond it as well.
pub(super) async fn agree<S>(
    stream: &mut S,
    options: &Options,
) -> Result<(Version, BytesMut), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let ours = Hello::offering(&options.versions);
    let highest = options.versions.iter().max().copied();
    let highest = highest.ok_or(Error::NoCommonVersion { offered: 0 })?;
    say(stream, highest, ToSwitch::Hello(ours)).await?;

    let mut buffer = BytesMut::with_capacity(4096);
    let theirs = hear(stream, &mut buffer).await?;
    match ours.highest_common(theirs) {
        Some(version) => Ok((version, buffer)),
        None => {
            let text = "no OpenFlow version in common".to_owned();
            say(stream, highest, ToSwitch::HelloFailed(text)).await?;
            Err(Error::NoCommonVersion {
                offered: theirs.versions,
            })
        }
    }
}

async fn say<S>(stream: &mut S, version: Version, message: ToSwitch) -> Result<(), Error>
where
    S: AsyncWrite + Unpin,
{
    let mut bytes = Vec::new();
    message
        .encode(version, 0, &mut bytes)
        .map_err(Error::Encode)?;
    Ok(stream.write_all(&bytes).await?)
}

async fn hear<S>(stream: &mut S, buffer: &mut BytesMut) -> Result<Hello, Error>
where
    S: AsyncRead + Unpin,
{
    loop {
        if let Some(frame) = take_frame(buffer).map_err(Error::Decode)? {
            let (_, message) = FromSwitch::decode(&frame).map_err(Error::Decode)?;
            return match message {
                FromSwitch::Hello(hello) => Ok(hello),
                FromSwitch::Error(error) => Err(refused(error)),
                _ => Err(Error::WrongAnswer),
            };
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(Error::Closed(CloseCause::BySwitch));
        }
    }
}

fn refused(error: OpenFlowError) -> Error {
    match error.kind {
        HELLO_FAILED => Error::NoCommonVersion { offered: 0 },
        _ => Error::Refused(error),
    }
}

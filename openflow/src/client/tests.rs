//! The client against peers that misbehave.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{Client, CloseCause, Error, Event, Options};
use crate::flow::Flow;
use crate::matching::Match;
use crate::message::{FlowFilter, FlowMod, FlowUpdate, HEADER_LEN, Header, kind, take_frame};
use crate::wire::Version;

const HELLO: [u8; 8] = [0, 1, 0, 8, 0, 0, 0, 1 << 5 | 1 << 6];

/// The other end: it says and hears whole messages, or whatever it likes.
struct Peer {
    stream: DuplexStream,
    buffer: BytesMut,
}

impl Peer {
    async fn say(&mut self, kind: u8, xid: u32, body: &[u8]) {
        self.stream
            .write_all(&message(kind, xid, body))
            .await
            .unwrap();
    }

    async fn hear(&mut self) -> (Header, Bytes) {
        loop {
            if let Some(frame) = take_frame(&mut self.buffer).unwrap() {
                return (Header::decode(&frame).unwrap(), frame.slice(HEADER_LEN..));
            }
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0);
        }
    }
}

fn message(kind: u8, xid: u32, body: &[u8]) -> Vec<u8> {
    let mut message = vec![6, kind];
    message.put_u16(u16::try_from(HEADER_LEN + body.len()).unwrap());
    message.put_u32(xid);
    message.extend(body);
    message
}

fn impatient() -> Options {
    Options {
        connect_timeout: Duration::from_millis(100),
        request_timeout: Duration::from_secs(1),
        ..Options::default()
    }
}

/// A client and the peer that it has agreed on a version with.
async fn connected(options: Options) -> (Client, Peer) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let mut peer = Peer {
        stream: theirs,
        buffer: BytesMut::new(),
    };
    let peer_side = async {
        assert_eq!(peer.hear().await.0.kind, kind::HELLO);
        peer.say(kind::HELLO, 0, &HELLO).await;
        peer
    };
    let (client, peer) = tokio::join!(Client::over(ours, options), peer_side);
    (client.unwrap(), peer)
}

/// An update of a flow monitor: a flow was added.
fn flow_added(cookie: u64) -> Vec<u8> {
    let mut body = vec![0, 16, 0, 0, 0, 0, 0, 0];
    body.extend([0, 32, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    body.put_u64(cookie);
    body.extend([0, 1, 0, 4, 0, 0, 0, 0]);
    message(kind::MULTIPART_REPLY, 0, &body)
}

#[tokio::test]
async fn a_peer_of_another_version_is_told_and_left() {
    let (ours, theirs) = tokio::io::duplex(1024);
    let mut peer = Peer {
        stream: theirs,
        buffer: BytesMut::new(),
    };
    let peer_side = async {
        peer.hear().await;
        peer.say(kind::HELLO, 0, &[0, 1, 0, 8, 0, 0, 0, 1 << 4])
            .await;
        peer.hear().await
    };
    let (client, (header, _)) = tokio::join!(Client::over(ours, impatient()), peer_side);
    assert_eq!(header.kind, kind::ERROR);
    let failed = client.unwrap_err();
    assert!(
        matches!(failed, Error::NoCommonVersion { offered: 0x10 }),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_peer_that_says_no_hello_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent");
    let _silent = tokio::net::UnixListener::bind(&path).unwrap();
    let failed = Client::connect(path, impatient()).await.unwrap_err();
    let Error::Connect { source, .. } = failed else {
        panic!("{failed:?}");
    };
    assert!(matches!(*source, Error::Timeout { .. }), "{source:?}");
}

#[tokio::test]
async fn a_length_that_no_message_has_closes_the_connection() {
    let (client, mut peer) = connected(Options::default()).await;
    let mut events = client.events();
    let (failed, ()) = tokio::join!(client.barrier(), async {
        peer.hear().await;
        peer.stream
            .write_all(&[6, 21, 0, 3, 0, 0, 0, 1])
            .await
            .unwrap();
    });
    let failed = failed.unwrap_err();
    assert!(
        matches!(failed, Error::Closed(CloseCause::Decode(_))),
        "{failed:?}"
    );
    assert_eq!(events.next().await, None);
    assert!(matches!(client.barrier().await, Err(Error::Closed(_))));
}

#[tokio::test]
async fn a_message_that_never_ends_is_waited_for_no_longer_than_any() {
    let (client, mut peer) = connected(impatient()).await;
    let (failed, ()) = tokio::join!(client.barrier(), async {
        peer.stream
            .write_all(&[6, 21, 0xff, 0xff, 0, 0, 0, 1])
            .await
            .unwrap();
    });
    assert!(matches!(failed, Err(Error::Timeout { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_silent_peer_is_given_up() {
    let options = Options {
        max_silence: Duration::from_millis(50),
        ..Options::default()
    };
    let (client, _peer) = connected(options).await;
    let failed = client.barrier().await.unwrap_err();
    assert!(
        matches!(failed, Error::Closed(CloseCause::Silence(_))),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_peer_that_answers_echo_is_not_given_up() {
    let options = Options {
        max_silence: Duration::from_secs(1),
        echo_interval: Duration::from_millis(100),
        ..Options::default()
    };
    let (client, mut peer) = connected(options).await;
    for _ in 0..15 {
        let (header, data) = peer.hear().await;
        assert_eq!(header.kind, kind::ECHO_REQUEST);
        peer.say(kind::ECHO_REPLY, header.xid, &data).await;
    }
    let (answered, ()) = tokio::join!(client.barrier(), async {
        let (header, _) = peer.hear().await;
        peer.say(kind::BARRIER_REPLY, header.xid, &[]).await;
    });
    answered.unwrap();
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let options = Options {
        max_answer_bytes: 100_000,
        ..Options::default()
    };
    let (client, mut peer) = connected(options).await;
    let (failed, _) = tokio::join!(client.flows(FlowFilter::default()), async {
        let (header, _) = peer.hear().await;
        let more = [&[0, 1, 0, 1, 0, 0, 0, 0][..], &[0; 9000]].concat();
        for _ in 0..50 {
            peer.say(kind::MULTIPART_REPLY, header.xid, &more).await;
        }
        peer
    });
    assert!(
        matches!(failed, Err(Error::AnswerTooLong { limit: 100_000 })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn messages_that_nobody_asked_for_do_no_harm() {
    let (client, mut peer) = connected(Options::default()).await;
    let (answered, ()) = tokio::join!(client.barrier(), async {
        let (header, _) = peer.hear().await;
        for xid in 0..5000 {
            let stray = if xid == header.xid { xid + 1 } else { xid };
            peer.say(kind::BARRIER_REPLY, stray, &[]).await;
            peer.say(200, stray, &[1, 2, 3]).await;
        }
        peer.say(kind::BARRIER_REPLY, header.xid, &[]).await;
    });
    answered.unwrap();
}

#[tokio::test]
async fn a_peer_that_asks_without_listening_does_not_stop_us() {
    let (client, mut peer) = connected(Options::default()).await;
    let mut events = client.events();
    for xid in 0..20_000 {
        peer.say(kind::ECHO_REQUEST, xid, &[0; 64]).await;
    }
    peer.stream.write_all(&flow_added(7)).await.unwrap();
    let event = events.next().await.unwrap();
    assert!(
        matches!(event, Event::FlowsChanged(FlowUpdate::Added(_))),
        "{event:?}"
    );
    let (header, data) = peer.hear().await;
    assert_eq!(
        (header.kind, header.xid, &data[..]),
        (kind::ECHO_REPLY, 0, &[0; 64][..])
    );
}

#[tokio::test]
async fn events_that_come_too_fast_are_lost_but_not_silently() {
    let options = Options {
        event_queue: 8,
        ..Options::default()
    };
    let (client, mut peer) = connected(options).await;
    let mut events = client.events();
    for cookie in 0..100 {
        peer.stream.write_all(&flow_added(cookie)).await.unwrap();
    }
    let (answered, ()) = tokio::join!(client.barrier(), async {
        let (header, _) = peer.hear().await;
        peer.say(kind::BARRIER_REPLY, header.xid, &[]).await;
    });
    answered.unwrap();
    assert_eq!(events.next().await, Some(Event::MonitorOverflow));
    let Some(Event::FlowsChanged(FlowUpdate::Added(flow))) = events.next().await else {
        panic!("the newest events are kept");
    };
    assert_eq!(flow.cookie, 92);
}

#[tokio::test]
async fn an_event_that_cannot_be_understood_counts_as_lost() {
    let (client, mut peer) = connected(Options::default()).await;
    let mut events = client.events();
    let body = [&[0, 16, 0, 0, 0, 0, 0, 0][..], &[0, 32, 0, 1, 9]].concat();
    peer.say(kind::MULTIPART_REPLY, 0, &body).await;
    assert_eq!(events.next().await, Some(Event::MonitorOverflow));
}

#[tokio::test]
async fn a_change_of_version_closes_the_connection() {
    let (client, mut peer) = connected(Options::default()).await;
    assert_eq!(client.version(), Version::V1_5);
    peer.stream
        .write_all(&[5, 21, 0, 8, 0, 0, 0, 1])
        .await
        .unwrap();
    assert_eq!(client.events().next().await, None);
    let failed = client.barrier().await.unwrap_err();
    assert!(
        matches!(failed, Error::Closed(CloseCause::WrongVersion(5))),
        "{failed:?}"
    );
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_nobodys() {
    let (client, mut peer) = connected(impatient()).await;
    assert!(matches!(client.barrier().await, Err(Error::Timeout { .. })));
    let (late, _) = peer.hear().await;
    let (answered, ()) = tokio::join!(client.barrier(), async {
        let (header, _) = peer.hear().await;
        assert_ne!(header.xid, late.xid);
        peer.say(kind::BARRIER_REPLY, late.xid, &[]).await;
        peer.say(kind::BARRIER_REPLY, header.xid, &[]).await;
    });
    answered.unwrap();
}

#[tokio::test]
async fn a_bundle_with_a_refused_change_is_discarded_not_committed() {
    let (client, mut peer) = connected(Options::default()).await;
    let change = |table| FlowMod::add(Flow::new(table, 1, Match::new()));
    let peer_side = async {
        let mut steps = Vec::new();
        loop {
            let (header, body) = peer.hear().await;
            match header.kind {
                kind::BUNDLE_CONTROL => steps.push(body[5]),
                kind::BUNDLE_ADD_MESSAGE if body[8 + 8 + 16] == 3 => {
                    peer.say(kind::ERROR, header.xid, &[0, 5, 0, 2]).await;
                }
                kind::BARRIER_REQUEST => peer.say(kind::BARRIER_REPLY, header.xid, &[]).await,
                _ => {}
            }
            // Open, close, and what comes of it.
            if steps.len() == 3 && header.kind == kind::BARRIER_REQUEST {
                return steps;
            }
        }
    };
    let (refused, steps) = tokio::join!(client.commit((0..6).map(change).collect()), peer_side);
    let Err(Error::Bundle { index, error }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        (index, error.to_string().as_str()),
        (Some(3), "OFPFMFC_BAD_TABLE_ID")
    );
    assert_eq!(steps, [0, 2, 6]);
}

//! Who waits for an answer to which transaction ids.
//!
//! A request owns a block of consecutive transaction ids, one for each message it sends, so
//! that a refusal names the message it refuses by its place in the block. Most blocks have one.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Error;
use crate::message::{FromSwitch, Header, OpenFlowError, kind, multipart};

/// Refusals kept of one request; the first is what matters, the rest is context.
const MAX_REFUSALS: usize = 16;

/// What completes a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Awaits {
    /// One message.
    Reply,
    /// A multipart reply's last part.
    Parts,
    /// The reply to the barrier at this place in the block. Refusals of other messages of the
    /// block are collected until then.
    Barrier(u32),
}

/// What came in answer to a request.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The replies as they came, undecoded.
    pub(super) frames: Vec<Bytes>,
    /// What was refused: the message's place in the request's block, and why.
    pub(super) refusals: Vec<(u32, OpenFlowError)>,
}

pub(super) type Answered = oneshot::Receiver<Result<Answer, Error>>;

#[derive(Debug)]
struct Request {
    count: u32,
    awaits: Awaits,
    answer: Answer,
    answer_bytes: usize,
    done: oneshot::Sender<Result<Answer, Error>>,
}

/// The requests under way, by the first transaction id of their block.
#[derive(Debug)]
pub(super) struct Waiting {
    next_xid: u32,
    requests: BTreeMap<u32, Request>,
    /// Bytes of replies that one request may gather.
    max_answer_bytes: usize,
}

impl Waiting {
    pub(super) fn new(max_answer_bytes: usize) -> Waiting {
        Waiting {
            next_xid: 1,
            requests: BTreeMap::new(),
            max_answer_bytes,
        }
    }

    /// Reserves `count` consecutive transaction ids, none of them zero; returns the first.
    pub(super) fn reserve(&mut self, count: u32) -> u32 {
        let first = match self.next_xid.checked_add(count) {
            Some(_) => self.next_xid,
            // Four billion requests on: what began with 1 has long been answered.
            None => 1,
        };
        self.next_xid = first.saturating_add(count);
        first
    }

    /// From now on, answers to the block at `first` are gathered.
    pub(super) fn expect(&mut self, first: u32, count: u32, awaits: Awaits) -> Answered {
        let (done, answered) = oneshot::channel();
        let request = Request {
            count,
            awaits,
            answer: Answer::default(),
            answer_bytes: 0,
            done,
        };
        self.requests.insert(first, request);
        answered
    }

    /// Nobody waits for this block any more.
    pub(super) fn forget(&mut self, first: u32) {
        self.requests.remove(&first);
    }

    /// Hands a message to the request it answers; `false` when there is none.
    pub(super) fn deliver(&mut self, header: Header, frame: &Bytes) -> bool {
        let mut earlier = self.requests.range_mut(..=header.xid);
        let Some((&first, request)) = earlier.next_back() else {
            return false;
        };
        let place = header.xid - first;
        if place >= request.count {
            return false;
        }
        let limit = self.max_answer_bytes;
        let outcome = match request.take(header, place, frame, limit) {
            Ok(Progress::More) => return true,
            Ok(Progress::Complete) => Ok(()),
            Err(error) => Err(error),
        };
        if let Some(request) = self.requests.remove(&first) {
            // The caller may have given up meanwhile; then there is nobody to tell.
            let _ = request.done.send(outcome.map(|()| request.answer));
        }
        true
    }
}

/// Whether a request has its whole answer.
enum Progress {
    More,
    Complete,
}

impl Request {
    fn take(
        &mut self,
        header: Header,
        place: u32,
        frame: &Bytes,
        limit: usize,
    ) -> Result<Progress, Error> {
        if header.kind == kind::ERROR {
            return self.take_refusal(place, frame);
        }
        if let Awaits::Barrier(barrier) = self.awaits
            && place == barrier
            && header.kind == kind::BARRIER_REPLY
        {
            return Ok(Progress::Complete);
        }
        self.answer_bytes += frame.len() + size_of::<Bytes>();
        if self.answer_bytes > limit {
            return Err(Error::AnswerTooLong { limit });
        }
        // A copy: a frame is part of a large buffer, which it would keep.
        self.answer.frames.push(Bytes::copy_from_slice(frame));
        let more = match self.awaits {
            Awaits::Reply => false,
            Awaits::Parts => multipart::has_more(frame),
            Awaits::Barrier(_) => true,
        };
        Ok(if more {
            Progress::More
        } else {
            Progress::Complete
        })
    }

    fn take_refusal(&mut self, place: u32, frame: &Bytes) -> Result<Progress, Error> {
        let decoded = FromSwitch::decode(frame).map_err(Error::Decode)?;
        let (_, FromSwitch::Error(refusal)) = decoded else {
            return Ok(Progress::More);
        };
        if self.answer.refusals.len() < MAX_REFUSALS {
            self.answer.refusals.push((place, refusal));
        }
        Ok(match self.awaits {
            Awaits::Barrier(barrier) if barrier != place => Progress::More,
            _ => Progress::Complete,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_ids_begin_anew_and_are_never_zero() {
        let mut waiting = Waiting::new(1);
        assert_eq!(waiting.reserve(5), 1);
        assert_eq!(waiting.reserve(1), 6);
        waiting.next_xid = u32::MAX - 3;
        assert_eq!(waiting.reserve(3), u32::MAX - 3);
        assert_eq!(waiting.reserve(3), 1);
        assert_eq!(waiting.reserve(1), 4);
    }

    #[test]
    fn an_answer_belongs_to_the_block_it_falls_into() {
        let mut waiting = Waiting::new(1000);
        let mut one = waiting.expect(10, 3, Awaits::Barrier(2));
        let mut other = waiting.expect(13, 1, Awaits::Reply);
        let frame = |xid: u32| {
            let mut frame = vec![6, kind::BARRIER_REPLY, 0, 8];
            frame.extend(xid.to_be_bytes());
            Bytes::from(frame)
        };
        let mut deliver = |xid| {
            let frame = frame(xid);
            waiting.deliver(Header::decode(&frame).unwrap(), &frame)
        };
        assert!(!deliver(9) && !deliver(14));
        assert!(deliver(11));
        assert!(one.try_recv().is_err(), "the barrier is at place 2");
        assert!(deliver(12) && deliver(13));
        assert_eq!(one.try_recv().unwrap().unwrap().frames.len(), 1);
        assert_eq!(other.try_recv().unwrap().unwrap().frames.len(), 1);
        assert!(!deliver(12) && !deliver(13), "both are answered");
    }
}

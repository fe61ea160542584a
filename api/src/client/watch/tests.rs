use proptest::prelude::*;

use super::frames::*;

fn all(frames: &mut Frames) -> Vec<Frame> {
    std::iter::from_fn(|| frames.next()).collect()
}

fn frame(id: Option<u64>, event: &str, data: &str) -> Frame {
    Frame {
        id,
        event: event.to_owned(),
        data: data.to_owned(),
    }
}

const STREAM: &str = "retry: 1000\nid: 7\n:\n\nid: 8\r\ndata: {\"a\":1}\r\n\r\n\
                      id:9\nevent: gap\ndata: one\ndata: two\nnew: thing\n\n:\n\nid: 10\ndata: cut";

#[test]
fn a_stream_is_the_same_in_whatever_pieces_it_arrives() {
    let whole = [
        frame(Some(7), "", ""),
        frame(Some(8), "", "{\"a\":1}"),
        frame(Some(9), "gap", "one\ntwo"),
        frame(None, "", ""),
    ];
    for size in 1..STREAM.len() {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for piece in STREAM.as_bytes().chunks(size) {
            frames.push(piece).unwrap();
            found.extend(all(&mut frames));
        }
        assert_eq!(found, whole, "in pieces of {size}");
    }
}

#[test]
fn a_frame_without_an_end_is_not_held_for_ever() {
    for piece in [&[b'x'; 4096][..], &b"data: x\n".repeat(512)] {
        let mut frames = Frames::default();
        let mut pushed = (0..2_000).map(|_| {
            let pushed = frames.push(piece);
            assert_eq!(all(&mut frames), []);
            pushed
        });
        assert!(pushed.any(|pushed| pushed == Err(TooLong)));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken_without_a_panic(pieces: Vec<Vec<u8>>) {
        let mut frames = Frames::default();
        for piece in pieces {
            let _ = frames.push(&piece);
            all(&mut frames);
        }
    }
}

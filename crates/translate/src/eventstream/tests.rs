use proptest::prelude::*;

use super::*;

/// One message, built as the vendor does.
pub(crate) fn encode(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(u8::try_from(name.len()).unwrap());
        written.extend_from_slice(name.as_bytes());
        written.push(7);
        written.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        written.extend_from_slice(value.as_bytes());
    }
    let total = u32::try_from(SHORTEST + written.len() + payload.len()).unwrap();
    let mut bytes = total.to_be_bytes().to_vec();
    bytes.extend_from_slice(&u32::try_from(written.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend_from_slice(&written);
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

/// An event of that type.
pub(crate) fn event(kind: &str, payload: &str) -> Vec<u8> {
    let headers = [(":message-type", "event"), (":event-type", kind), (":content-type", "application/json")];
    encode(&headers, payload.as_bytes())
}

/// A message's type and payload.
type Read = (String, Vec<u8>);

fn decode(pieces: &[&[u8]]) -> (Vec<Read>, Result<(), Broken>) {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    for piece in pieces {
        let fed = decoder.feed(piece, &mut |frame| {
            frames.push((frame.event.unwrap_or_default().to_owned(), frame.data.to_vec()));
        });
        if fed.is_err() {
            return (frames, fed);
        }
    }
    let ended = decoder.finish();
    (frames, ended)
}

#[test]
fn messages_and_failures_have_names() {
    let exception =
        encode(&[(":message-type", "exception"), (":exception-type", "ThrottlingException")], b"{}");
    let error = encode(&[(":message-type", "error"), (":error-code", "500")], b"");
    let stream = [event("assistantResponseEvent", "{\"content\":\"Hi\"}"), exception, error].concat();
    let (frames, ended) = decode(&[&stream]);
    assert_eq!(ended, Ok(()));
    let names: Vec<&str> = frames.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["assistantResponseEvent", "exception:ThrottlingException", "error:500"]);
    assert_eq!(frames[0].1, b"{\"content\":\"Hi\"}");
}

#[test]
fn a_published_vector_is_read() {
    // The prelude and check sums of an empty message are constants of the format.
    let empty = [0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
    let (frames, ended) = decode(&[&empty]);
    assert_eq!((frames, ended), (vec![(String::new(), Vec::new())], Ok(())));
}

#[test]
fn other_kinds_of_header_are_skipped() {
    let mut headers = Vec::new();
    let sizes = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)];
    for (kind, size) in sizes {
        headers.extend_from_slice(&[1, b'x', kind]);
        headers.extend(std::iter::repeat_n(0, size));
    }
    headers.extend_from_slice(&[1, b'x', 6, 0, 2, 1, 2]);
    headers.extend_from_slice(b"\x0b:event-type\x07\x00\x01e");
    assert_eq!(Named::read(&headers).unwrap().event, Some("e"));
    assert!(Named::read(&[1, b'x', 10]).is_none());
    assert!(Named::read(&[9, b'x']).is_none());
}

#[test]
fn damage_is_found() {
    let good = event("e", "{}");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let (frames, ended) = decode(&[&bad]);
        assert!(frames.is_empty() && ended.is_err(), "{at}");
    }
    assert_eq!(decode(&[&good[..good.len() - 1]]).1, Err(Broken::Cut));
    let mut huge = u32::MAX.to_be_bytes().to_vec();
    huge.extend_from_slice(&[0; 4]);
    huge.extend_from_slice(&crc32fast::hash(&huge).to_be_bytes());
    assert_eq!(decode(&[&huge]).1, Err(Broken::TooLarge));
    let mut short = 15u32.to_be_bytes().to_vec();
    short.extend_from_slice(&[0; 4]);
    short.extend_from_slice(&crc32fast::hash(&short).to_be_bytes());
    assert_eq!(decode(&[&short]).1, Err(Broken::Malformed));
}

proptest! {
    #[test]
    fn cuts_change_nothing(payloads in prop::collection::vec("[a-z]{0,40}", 1..6), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let stream: Vec<u8> = payloads.iter().flat_map(|payload| event("e", payload)).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&stream[from..cut]);
            from = cut;
        }
        pieces.push(&stream[from..]);
        let (frames, ended) = decode(&pieces);
        prop_assert_eq!(ended, Ok(()));
        let read: Vec<String> = frames.into_iter().map(|(_, data)| String::from_utf8(data).unwrap()).collect();
        prop_assert_eq!(read, payloads);
    }

    #[test]
    fn garbage_is_an_error_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&[&bytes]);
    }
}

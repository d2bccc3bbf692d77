//! What a translation allocates: in proportion to the message, never to its square, and for a stream nothing
//! that grows with its length.

#[path = "support/load.rs"]
mod load;

use allocation_counter::{AllocationInfo, measure};
use byok_types::Family;
use load::{CLIENTS, REQUESTS, begin, request, stream};

fn pairs() -> impl Iterator<Item = (byok_types::Dialect, Family)> {
    let others = |client: byok_types::Dialect| {
        Family::ALL.into_iter().filter(move |family| Some(*family) != client.family())
    };
    CLIENTS.into_iter().flat_map(move |client| others(client).map(move |family| (client, family)))
}

/// Bytes asked for in all, and the most held at once, per byte of the request.
fn per_byte(info: &AllocationInfo, body: &[u8]) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "these are far below 2^52")]
    let per = |bytes: u64| bytes as f64 / body.len() as f64;
    (per(info.bytes_total), per(info.bytes_max))
}

#[test]
fn a_request_allocates_in_proportion_to_its_size() {
    for (client, upstream) in pairs() {
        for (name, turns, size, tools) in REQUESTS {
            let body = request(client, turns, size, tools);
            let info = measure(|| drop(begin(client, upstream, &body)));
            let (total, held) = per_byte(&info, &body);
            println!(
                "{client} to {upstream}, {name}: {} allocations, {total:.1} bytes per byte, {held:.1} at once",
                info.count_total
            );
            // A kilobyte is less than what any translation needs for itself.
            if body.len() > 10_000 {
                assert!(
                    total < 24.0 && held < 8.0,
                    "{client} to {upstream}, {name}: {total:.1} per byte, {held:.1} at once"
                );
            }
        }
    }
}

#[test]
fn twice_the_history_and_tools_allocate_twice() {
    for (client, upstream) in pairs() {
        let cost = |factor: usize| {
            let body = request(client, 20 * factor, 2_000, 40 * factor);
            measure(|| drop(begin(client, upstream, &body)))
        };
        let (once, twice) = (cost(1), cost(2));
        assert!(twice.count_total < once.count_total * 5 / 2, "{client} to {upstream}: {once:?}, {twice:?}");
        assert!(twice.bytes_total < once.bytes_total * 5 / 2, "{client} to {upstream}: {once:?}, {twice:?}");
    }
}

#[test]
fn a_stream_holds_no_more_at_its_end_than_at_its_beginning() {
    for (client, upstream) in pairs() {
        // Responses repeat the whole answer in their last event, so there it must be kept.
        if client == byok_types::Dialect::OpenaiResponses {
            continue;
        }
        let body = request(client, 1, 100, 0);
        let events = stream(upstream);
        let (mut pipe, mut out) = (begin(client, upstream, &body).0.stream(), Vec::with_capacity(64 * 1024));
        let mut feed = |events: &[String], times: usize| {
            measure(|| {
                for event in std::iter::repeat_n(events, times).flatten() {
                    out.clear();
                    pipe.feed(event.as_bytes(), &mut out);
                }
            })
        };
        // The beginning, then thousands of the same middle.
        feed(&events[..150], 1);
        feed(&events[50..150], 20);
        let info = feed(&events[50..150], 20);
        println!("{client} from {upstream}: {} allocations an event", info.count_total / 2000);
        // Gemini counts offsets of citations in bytes of the text, which is kept for that, up to a megabyte.
        let keeps_text = upstream == Family::Gemini || client.family() == Some(Family::Gemini);
        let most = if keeps_text { 32 * 1024 } else { 1024 };
        assert!(info.bytes_current <= most, "{client} from {upstream}: {info:?}");
        assert!(info.count_total < 2000 * 30, "{client} from {upstream}: {info:?}");
    }
}

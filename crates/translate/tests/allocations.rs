//! What a translation allocates: in proportion to the message, never to its square, and for an event of a
//! stream no more at the end than at the beginning.

#[path = "support/load.rs"]
mod load;

use allocation_counter::{AllocationInfo, measure};
use byok_types::{Dialect, Family};
use load::{CLIENTS, REQUESTS, begin, request, stream};

fn pairs() -> impl Iterator<Item = (Dialect, Family)> {
    let others =
        |client: Dialect| Family::ALL.into_iter().filter(move |family| Some(*family) != client.family());
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
fn a_stream_costs_and_holds_the_same_at_its_beginning_and_at_its_end() {
    for (client, upstream) in pairs() {
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
        let early = feed(&events[50..150], 20);
        let late = feed(&events[50..150], 20);
        println!("{client} from {upstream}: {} allocations an event", late.count_total / 2000);
        assert!(late.count_total < 2000 * 40, "{client} from {upstream}: {late:?}");
        assert!(
            late.bytes_total < early.bytes_total * 11 / 10,
            "{client} from {upstream}: {early:?}, {late:?}"
        );
        // Gemini counts offsets of citations in bytes of the text, which is kept for that, up to a megabyte;
        // a client of Responses wants the whole answer once more at its end.
        let keeps_text =
            upstream == Family::Gemini || !matches!(client, Dialect::OpenaiChat | Dialect::Anthropic);
        let most = if keeps_text { 32 * 1024 } else { 1024 };
        assert!(late.bytes_current <= most, "{client} from {upstream}: {late:?}");
    }
}

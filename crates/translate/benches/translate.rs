//! What translation costs, per direction: a 1 kB chat, a 1 MB history, a typical agent's request (100 kB,
//! 40 tools), and a stream of 200 events. Run with `cargo bench -p byok-translate`.

#[path = "../tests/support/load.rs"]
mod load;

use std::hint::black_box;
use std::time::Duration;

use byok_types::Family;
use criterion::{BatchSize, Criterion, Throughput};
use load::{CLIENTS, REQUESTS, begin, request, stream};

fn main() {
    // Enough to tell a millisecond from two; all pairs take about three minutes.
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for client in CLIENTS {
        for upstream in Family::ALL.into_iter().filter(|family| Some(*family) != client.family()) {
            for (name, turns, size, tools) in REQUESTS {
                let body = request(client, turns, size, tools);
                let mut group = criterion.benchmark_group("request");
                group.throughput(Throughput::Bytes(body.len() as u64));
                group.bench_function(format!("{client} to {upstream}, {name}"), |bencher| {
                    bencher.iter(|| begin(client, upstream, black_box(&body)).1);
                });
                group.finish();
            }
            let body = request(client, 1, 100, 0);
            let events = stream(upstream);
            let mut group = criterion.benchmark_group("stream of 200 events");
            group.throughput(Throughput::Elements(200));
            group.bench_function(format!("{upstream} to {client}"), |bencher| {
                bencher.iter_batched(
                    || (begin(client, upstream, &body).0.stream(), Vec::with_capacity(64 * 1024)),
                    |(mut pipe, mut out)| {
                        for event in &events {
                            pipe.feed(black_box(event.as_bytes()), &mut out);
                        }
                        pipe.finish(&mut out);
                        out.len()
                    },
                    BatchSize::SmallInput,
                );
            });
            group.finish();
        }
    }
    criterion.final_summary();
}

//! How long the engine takes for a segment: `cargo bench -p netstack-benches --bench time`.
//!
//! By the processor time of the thread, so that what else runs on the machine counts for little.

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use netstack::{Keepalive, Span};
use netstack_benches::{BATCH, Checksums, Cut, Options, Setup, SmoltcpWorld, World};
use rustix::time::{ClockId, clock_gettime};

/// Connections beside which a segment is taken.
const COUNTS: [u32; 4] = [1, 1_000, 100_000, 1_000_000];

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Measures what `batch` times of its [`BATCH`] segments.
fn measure(group: &mut Group<'_>, id: BenchmarkId, mut batch: impl FnMut() -> Duration) {
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|segments| {
            let batches = segments.div_ceil(BATCH as u64);
            let timed: Duration = (0..batches).map(|_| batch()).sum();
            timed.mul_f64(segments as f64 / (batches * BATCH as u64) as f64)
        });
    });
}

/// How long a step takes. Reading the clock counts as well: a few nanoseconds a segment.
fn timed(step: impl FnOnce()) -> Duration {
    let start = processor_time();
    step();
    processor_time() - start
}

/// The processor time that this thread has had.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a thread has run for a while")
}

/// One data segment of each of the next connections is taken.
fn data_in(world: &mut World) -> Duration {
    world.prepare_data(BATCH);
    let taken = timed(|| world.take());
    world.read();
    world.answer();
    world.pass(Span::from_micros(10));
    taken
}

/// The same with the owner's reading and the ACKs.
fn turn(world: &mut World) -> Duration {
    world.prepare_data(BATCH);
    let taken = timed(|| {
        world.take();
        world.read();
        world.answer();
    });
    world.pass(Span::from_micros(10));
    taken
}

/// One data segment of each of the next connections goes out, and is acknowledged: how long either
/// takes.
fn data_out(world: &mut World, count: usize) -> (Duration, Duration) {
    world.prepare_send(count);
    let sent = timed(|| world.send());
    world.pass(Span::from_micros(10));
    world.prepare_acks();
    let acknowledged = timed(|| world.take());
    world.forget_events();
    world.answer();
    (sent, acknowledged)
}

fn segments_in(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("segment_in/established");
    for count in COUNTS {
        for (name, checksums) in [("partial", Checksums::Partial), ("full", Checksums::Full)] {
            let mut world = World::new(Setup { checksums, ..Setup::new(count) });
            assert_eq!(world.connections(), count as usize);
            measure(&mut group, BenchmarkId::new(format!("1460B/{name}"), count), || {
                data_in(&mut world)
            });
            if count <= 1_000 {
                measure(&mut group, BenchmarkId::new(format!("1460B/{name}/turn"), count), || {
                    turn(&mut world)
                });
            }
        }
    }
    let options = Options::Timestamps;
    let mut world = World::new(Setup { options, ..Setup::new(1_000) });
    measure(&mut group, BenchmarkId::new("1448B/full/timestamps", 1_000), || data_in(&mut world));
    group.finish();
}

fn segments_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("segment_out/established");
    for count in COUNTS {
        for (name, cut) in [("super", Cut::Super), ("frame", Cut::Frames)] {
            let mut world = World::new(Setup { cut, ..Setup::new(count) });
            // The window of a single connection has to grow to a batch.
            for _ in 0..20 {
                data_out(&mut world, 8);
            }
            measure(&mut group, BenchmarkId::new(format!("1460B/{name}"), count), || {
                data_out(&mut world, BATCH).0
            });
            if cut == Cut::Super {
                measure(&mut group, BenchmarkId::new("ack_in", count), || {
                    data_out(&mut world, BATCH).1
                });
            }
        }
    }
    group.finish();
}

/// SYN, last ACK, FIN, our FIN, its ACK.
fn life(world: &mut World) -> Duration {
    let peers = world.strangers(BATCH);
    world.prepare_syns(&peers);
    let mut sum = timed(|| {
        world.take();
        world.answer();
    });
    world.prepare_last_acks(&peers);
    sum += timed(|| {
        world.take();
        world.answer();
    });
    world.accept();
    world.prepare_fins(&peers);
    sum += timed(|| {
        world.take();
        world.close();
        world.answer();
    });
    world.prepare_closing_acks(&peers);
    sum += timed(|| world.take());
    world.forget_events();
    world.pass(Span::from_micros(10));
    sum
}

fn lives(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("syn_to_closed");
    for count in COUNTS {
        let mut world = World::new(Setup::new(count));
        measure(&mut group, BenchmarkId::from_parameter(count), || life(&mut world));
        assert_eq!(world.connections(), count as usize);
    }
    group.finish();
}

fn ticks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick");
    let keepalive =
        Keepalive { idle: Span::from_secs(7_200), interval: Span::from_secs(75), probes_max: 9 };
    for count in [1, 1_000_000] {
        for (name, keepalive) in [("idle", None), ("idle/keepalive", Some(keepalive))] {
            let mut world = World::new(Setup { keepalive, ..Setup::new(count) });
            world.pass(Span::from_secs(10));
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| world.tick());
            });
        }
    }
    group.finish();
}

fn checksums(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checksum");
    for len in [20, 1_480] {
        let octets: Vec<u8> = (0..len).map(|octet: u16| octet.to_le_bytes()[0]).collect();
        group.throughput(Throughput::Bytes(u64::from(len)));
        group.bench_function(BenchmarkId::from_parameter(format!("{len}B")), |bencher| {
            bencher.iter(|| netstack::internet_checksum(std::hint::black_box(&octets)));
        });
    }
    group.finish();
}

fn smoltcp(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("smoltcp/segment_in");
    for count in [1, 1_000] {
        for (name, checksums) in [("partial", Checksums::Partial), ("full", Checksums::Full)] {
            let mut world = SmoltcpWorld::new(count, checksums);
            assert_eq!(world.connections(), count as usize);
            measure(&mut group, BenchmarkId::new(format!("1460B/{name}"), count), || {
                world.prepare_data(BATCH);
                let taken = timed(|| world.take());
                world.read();
                world.poll();
                world.collect();
                taken
            });
            measure(&mut group, BenchmarkId::new(format!("1460B/{name}/turn"), count), || {
                world.prepare_data(BATCH);
                let taken = timed(|| {
                    world.poll();
                    world.read();
                    world.poll();
                });
                world.collect();
                taken
            });
            assert_eq!(world.connections(), count as usize);
        }
    }
    group.finish();
}

criterion_group!(benches, checksums, segments_in, segments_out, lives, ticks, smoltcp);
criterion_main!(benches);

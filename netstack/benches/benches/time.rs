//! How long the engine takes for a segment: `cargo bench -p netstack-benches --bench time`.
//!
//! By the processor time of the thread, so that what else runs on the machine counts for little.

use std::hint::black_box;
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

/// A world that is built when it is first wanted: a million connections take a while, and criterion
/// may be asked for one benchmark only.
struct Lazy<W, M: Fn() -> W> {
    make: M,
    made: Option<W>,
}

impl<W, M: Fn() -> W> Lazy<W, M> {
    const fn new(make: M) -> Self {
        Self { make, made: None }
    }

    fn get(&mut self) -> &mut W {
        self.made.get_or_insert_with(&self.make)
    }
}

/// Measures what `batch` times of its [`BATCH`] segments.
fn measure<W, M: Fn() -> W>(
    group: &mut Group<'_>,
    id: BenchmarkId,
    world: &mut Lazy<W, M>,
    mut batch: impl FnMut(&mut W) -> Duration,
) {
    group.bench_function(id, |bencher| {
        let world = world.get();
        bencher.iter_custom(|segments| {
            let batches = segments.div_ceil(BATCH as u64);
            let timed: Duration = (0..batches).map(|_| batch(world)).sum();
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
            let mut world = Lazy::new(|| World::new(Setup { checksums, ..Setup::new(count) }));
            let id = BenchmarkId::new(format!("1460B/{name}"), count);
            measure(&mut group, id, &mut world, data_in);
            if count <= 1_000 {
                let id = BenchmarkId::new(format!("1460B/{name}/turn"), count);
                measure(&mut group, id, &mut world, turn);
            }
        }
    }
    let options = Options::Timestamps;
    let mut world = Lazy::new(|| World::new(Setup { options, ..Setup::new(1_000) }));
    measure(&mut group, BenchmarkId::new("1448B/full/timestamps", 1_000), &mut world, data_in);
    group.finish();
}

fn segments_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("segment_out/established");
    for count in COUNTS {
        for (name, cut) in [("super", Cut::Super), ("frame", Cut::Frames)] {
            let mut world = Lazy::new(|| {
                let mut world = World::new(Setup { cut, ..Setup::new(count) });
                // The window of a single connection has to grow to a batch, which it does when it is
                // used.
                for count in [8, 16, 32, 48] {
                    for _ in 0..5 {
                        data_out(&mut world, count);
                    }
                }
                world
            });
            let id = BenchmarkId::new(format!("1460B/{name}"), count);
            measure(&mut group, id, &mut world, |world| data_out(world, BATCH).0);
            if cut == Cut::Super {
                let id = BenchmarkId::new("ack_in", count);
                measure(&mut group, id, &mut world, |world| data_out(world, BATCH).1);
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
        let mut world = Lazy::new(|| World::new(Setup::new(count)));
        measure(&mut group, BenchmarkId::from_parameter(count), &mut world, life);
        if let Some(world) = world.made {
            assert_eq!(world.connections(), count as usize);
        }
    }
    group.finish();
}

fn ticks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick");
    let keepalive =
        Keepalive { idle: Span::from_secs(7_200), interval: Span::from_secs(75), probes_max: 9 };
    for count in [0, 1_000_000] {
        for (name, keepalive) in [("idle", None), ("idle/keepalive", Some(keepalive))] {
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                let mut world = World::new(Setup { keepalive, ..Setup::new(count) });
                world.pass(Span::from_secs(10));
                bencher.iter_custom(|ticks| {
                    timed(|| {
                        for _ in 0..ticks {
                            black_box(world.tick());
                        }
                    })
                });
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
            bencher.iter_custom(|sums| {
                timed(|| {
                    for _ in 0..sums {
                        black_box(netstack::internet_checksum(black_box(&octets)));
                    }
                })
            });
        });
    }
    group.finish();
}

fn smoltcp(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("smoltcp/segment_in");
    for count in [1, 1_000] {
        for (name, checksums) in [("partial", Checksums::Partial), ("full", Checksums::Full)] {
            let mut world = Lazy::new(|| SmoltcpWorld::new(count, checksums));
            let id = BenchmarkId::new(format!("1460B/{name}"), count);
            measure(&mut group, id, &mut world, |world| {
                world.prepare_data(BATCH);
                let taken = timed(|| world.take());
                world.read();
                world.poll();
                world.collect();
                taken
            });
            let id = BenchmarkId::new(format!("1460B/{name}/turn"), count);
            measure(&mut group, id, &mut world, |world| {
                world.prepare_data(BATCH);
                let taken = timed(|| {
                    world.poll();
                    world.read();
                    world.poll();
                });
                world.collect();
                taken
            });
            if let Some(world) = world.made {
                assert_eq!(world.connections(), count as usize);
            }
        }
    }
    group.finish();
}

criterion_group!(benches, checksums, segments_in, segments_out, lives, ticks, smoltcp);
criterion_main!(benches);

//! How many instructions the engine takes for a segment: `cargo bench -p netstack-benches --bench
//! instructions`, with valgrind and `cargo install gungraun-runner --version 0.20.0`.
//!
//! Other than a time, a count is the same on a busy machine: a change of one percent shows. Each
//! benchmark takes [`SEGMENTS`] segments, or the steps of as many lives.

#![expect(missing_docs, unused_qualifications, reason = "what the macros make")]

use std::hint::black_box;

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use netstack::{Instant, Span};
use netstack_benches::{BATCH, Checksums, Cut, Flood, Options, Setup, SmoltcpWorld, World};

/// Segments that a benchmark takes, but for [`BATCH`] where there is one connection: a thousandth of
/// a count is what one costs.
const SEGMENTS: u32 = 1_000;

/// A world in which each connection has taken and sent some segments.
fn used(setup: Setup) -> World {
    let mut world = World::new(setup);
    for _ in 0..ROUNDS {
        world.prepare_data(setup.connections as usize);
        world.take();
        world.read();
        world.answer();
        world.pass(Span::from_micros(10));
        world.prepare_send(setup.connections as usize);
        world.send();
        world.pass(Span::from_micros(10));
        world.prepare_acks();
        world.take();
        world.forget_events();
        world.answer();
        world.pass(Span::from_micros(10));
    }
    world
}

/// Enough for what a connection acknowledges at once at its start to be over.
const ROUNDS: usize = 20;

fn data(connections: u32, checksums: Checksums, options: Options) -> World {
    let mut world = used(Setup { checksums, options, ..Setup::new(connections) });
    // One connection takes no more until it is read.
    world.prepare_data(if connections == 1 { BATCH } else { SEGMENTS as usize });
    world
}

#[library_benchmark]
#[bench::partial_1(data(1, Checksums::Partial, Options::None))]
#[bench::full_1(data(1, Checksums::Full, Options::None))]
#[bench::partial_1000(data(1_000, Checksums::Partial, Options::None))]
#[bench::full_1000(data(1_000, Checksums::Full, Options::None))]
#[bench::timestamps_1000(data(1_000, Checksums::Partial, Options::Timestamps))]
fn data_in(mut world: World) -> World {
    world.take();
    world
}

fn outgoing(connections: u32) -> World {
    let mut world = used(Setup { cut: Cut::Super, ..Setup::new(connections) });
    world.prepare_send(SEGMENTS as usize);
    world
}

#[library_benchmark]
#[bench::at_1000(outgoing(1_000))]
fn data_out(mut world: World) -> World {
    world.send();
    world
}

fn acknowledged(connections: u32) -> World {
    let mut world = outgoing(connections);
    world.send();
    world.pass(Span::from_micros(10));
    world.prepare_acks();
    world
}

#[library_benchmark]
#[bench::at_1000(acknowledged(1_000))]
fn ack_in(mut world: World) -> World {
    world.take();
    world
}

fn idle(connections: u32) -> World {
    let mut world = World::new(Setup::new(connections));
    world.pass(Span::from_secs(10));
    world
}

#[library_benchmark]
#[bench::beside_1(idle(1))]
#[bench::beside_10000(idle(10_000))]
fn tick(mut world: World) -> (World, Option<Instant>) {
    let next = world.tick();
    (world, next)
}

fn octets(len: usize) -> Vec<u8> {
    vec![0x5a; len]
}

#[library_benchmark]
#[bench::of_20(octets(20))]
#[bench::of_1480(octets(1_480))]
fn checksum(octets: Vec<u8>) -> (Vec<u8>, u16) {
    let sum = netstack::internet_checksum(black_box(&octets));
    (octets, sum)
}

/// What the worst segments may cost: ten times what [`SEGMENTS`] data segments in order do, of which the
/// checksum is verified.
const HOSTILE_MAX: u64 = 10 * 1_700_000;

fn flood(flood: Flood) -> World {
    flood.prepare(SEGMENTS)
}

#[library_benchmark]
#[bench::in_order(flood(Flood::InOrder))]
#[bench::single_bytes(flood(Flood::SingleBytes))]
#[bench::overlapping(flood(Flood::Overlapping))]
#[bench::widening(flood(Flood::Widening))]
#[bench::holes(flood(Flood::Holes))]
#[bench::same_holes(flood(Flood::SameHoles))]
fn hostile(mut world: World) -> World {
    world.take();
    world.answer();
    world
}

fn smoltcp_data(connections: u32, checksums: Checksums) -> SmoltcpWorld {
    let mut world = SmoltcpWorld::new(connections, checksums);
    for _ in 0..ROUNDS {
        world.prepare_data(connections as usize);
        world.take();
        world.read();
        world.poll();
        world.collect();
    }
    // What a socket holds, and no more.
    world.prepare_data(SMOLTCP_SEGMENTS);
    world
}

/// Segments of smoltcp's benchmark.
const SMOLTCP_SEGMENTS: usize = 100;

#[library_benchmark]
#[bench::partial_1(smoltcp_data(1, Checksums::Partial))]
#[bench::partial_1000(smoltcp_data(1_000, Checksums::Partial))]
fn smoltcp_data_in(mut world: SmoltcpWorld) -> SmoltcpWorld {
    world.take();
    world
}

library_benchmark_group!(name = engine, benchmarks = [data_in, data_out, ack_in, tick, checksum]);
library_benchmark_group!(
    name = worst,
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::default().hard_limits([(EventKind::Ir, HOSTILE_MAX)])),
    benchmarks = [hostile]
);
library_benchmark_group!(name = smoltcp, benchmarks = [smoltcp_data_in]);
main!(library_benchmark_groups = [engine, worst, smoltcp]);

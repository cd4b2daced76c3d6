//! The program is gone when its owner is, however it went.

use std::thread;

use hosts::{Host, Signal, wait_until};
use xdp::{Attach, AttachError, Destination, Filter, Program, Queue};

use crate::again;
use crate::link::{DEVICE, EDGE, LIMIT, Link, assert_all_free, small};

fn filter() -> Filter {
    Filter::default().with_destination(Destination::new(EDGE, 443))
}

fn is_attached(host: &Host) -> bool {
    let shown = host.ip(&["-details", "link", "show", "dev", DEVICE]).expect("the interface");
    shown.contains("prog/xdp")
}

#[test]
fn the_program_is_gone_when_it_is_dropped() {
    let link = Link::new();
    link.on_edge(|| {
        let program = Program::attach(DEVICE, &filter(), Attach::Auto).expect("attached");
        assert!(is_attached(&link.edge));
        drop(program);
        // A process that another test starts has the link too, until it executes its program.
        wait_until(LIMIT, "the end of the program", || !is_attached(&link.edge)).expect("detached");
    });
}

#[test]
fn the_program_is_gone_when_its_owner_is_killed() {
    if again::is_inner() {
        let program = Program::attach(DEVICE, &filter(), Attach::Auto).expect("attached");
        let queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        program.register(&queue).expect("registered");
        loop {
            thread::park();
        }
    }
    let link = Link::new();
    let test = "lifecycle::the_program_is_gone_when_its_owner_is_killed";
    let mut owner = again::start(&link.edge, &[], test);
    let attached = wait_until(LIMIT, "the program of the child", || is_attached(&link.edge));
    attached.unwrap_or_else(|error| panic!("{error}: {}", owner.output()));
    owner.signal(Signal::KILL).expect("killed");
    owner.wait(LIMIT).expect("its end");
    wait_until(LIMIT, "the end of the program", || !is_attached(&link.edge)).expect("detached");
    // What it had can be had again.
    link.on_edge(|| {
        let program = Program::attach(DEVICE, &filter(), Attach::Native).expect("attached");
        let queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        program.register(&queue).expect("registered");
        assert_all_free(queue.close());
    });
}

#[test]
fn a_second_program_is_refused_and_the_first_stays() {
    let link = Link::new();
    link.on_edge(|| {
        let first = Program::attach(DEVICE, &filter(), Attach::Auto).expect("attached");
        let error = Program::attach(DEVICE, &filter(), Attach::Auto).expect_err("occupied");
        assert!(matches!(error, AttachError::Occupied(_)), "{error}");
        assert!(is_attached(&link.edge));
        drop(first);
    });
}

#[test]
fn a_queue_can_be_opened_again_at_once() {
    let link = Link::new();
    link.on_edge(|| {
        for _ in 0..5 {
            let queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
            assert_all_free(queue.close());
        }
    });
}

/// Workers register their queues themselves.
#[test]
fn a_program_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Program>();
}

//! Which frames the program redirects, and that all others reach the kernel.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use hosts::PairConfig;
use xdp::{Attach, Destination, Filter, FilterError, Program, ProgramCounters, Queue, Reason};

use crate::link::{
    CLIENT, CLIENT6, DEVICE, EDGE, EDGE6, LIMIT, Link, assert_all_free, receive, small,
};
use crate::packet::{
    Flow, Ipv4, arp, ethernet, icmp, icmp_error, ip, ipv4, syn, tagged, typed, udp,
};

const PORT: u16 = 443;
/// Configured with every port.
const ANY_PORT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 50));
/// Owned by weir.
const OWNED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);
const OWNED6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x77);
/// Nobody's.
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99));

fn filter() -> Filter {
    Filter::default()
        .with_destination(Destination::new(EDGE, PORT))
        .with_destination(Destination::new(EDGE6, PORT))
        .with_destination(Destination::new(ANY_PORT, 0))
        .with_owned(OWNED.into())
        .with_owned(OWNED6.into())
}

/// An attached program with one registered queue.
struct Edge {
    program: Program,
    queue: Queue,
}

impl Edge {
    fn new() -> Self {
        let program = Program::attach(DEVICE, &filter(), Attach::Auto).expect("attached");
        let queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        program.register(&queue).expect("registered");
        Self { program, queue }
    }

    fn counters(&self) -> ProgramCounters {
        self.program.counters().expect("counters")
    }
}

/// A frame and what must become of it.
type Case = (&'static str, Vec<u8>, Reason);

/// Each frame is followed by a marker that is redirected: what arrives first tells.
fn check(link: &Link, cases: &[Case]) {
    let marker = syn(Flow::new((CLIENT, 9999), (EDGE, PORT)));
    let marker = ethernet(link.client_mac, link.edge_mac, &marker);
    link.on_edge(|| {
        let mut edge = Edge::new();
        for (what, frame, reason) in cases {
            let before = edge.counters().get(*reason);
            link.inject(0, &[frame.clone(), marker.clone()]);
            let redirected = reason.name().starts_with("redirect");
            let frames = receive(&mut edge.queue, if redirected { 2 } else { 1 });
            let expected = if redirected { frame } else { &marker };
            assert_eq!(*frames[0], **expected, "{what}");
            assert_eq!(*frames[frames.len() - 1], *marker, "{what}: the marker comes last");
            assert!(edge.counters().get(*reason) > before, "{what}: {}", reason.name());
        }
        assert_all_free(edge.queue.close());
    });
}

#[test]
fn tcp_to_a_destination_is_redirected_and_other_tcp_passes() {
    let link = Link::new();
    let plain = |from, to, port| {
        ethernet(link.client_mac, link.edge_mac, &syn(Flow::new((from, 1000), (to, port))))
    };
    check(
        &link,
        &[
            ("IPv4", plain(CLIENT, EDGE, PORT), Reason::RedirectTcp),
            ("IPv6", plain(CLIENT6, EDGE6, PORT), Reason::RedirectTcp),
            ("any port", plain(CLIENT, ANY_PORT, 1), Reason::RedirectTcp),
            ("any other port", plain(CLIENT, ANY_PORT, 65535), Reason::RedirectTcp),
            ("another port", plain(CLIENT, EDGE, 22), Reason::PassDestination),
            ("another port, IPv6", plain(CLIENT6, EDGE6, 22), Reason::PassDestination),
            ("another address", plain(CLIENT, OTHER, PORT), Reason::PassDestination),
            (
                "an owned address, no such port",
                { plain(CLIENT, OWNED.into(), PORT) },
                Reason::PassDestination,
            ),
        ],
    );
}

#[test]
fn one_vlan_tag_is_looked_through() {
    let link = Link::new();
    let (from, to) = (link.client_mac, link.edge_mac);
    let ours = syn(Flow::new((CLIENT, 1000), (EDGE, PORT)));
    let ours6 = syn(Flow::new((CLIENT6, 1000), (EDGE6, PORT)));
    let others = syn(Flow::new((CLIENT, 1000), (EDGE, 22)));
    let twice = {
        let inner = tagged(from, to, 5, &ours);
        typed(from, to, 0x8100, &[&[0, 7], &inner[12..]].concat())
    };
    check(
        &link,
        &[
            ("IPv4", tagged(from, to, 5, &ours), Reason::RedirectTcp),
            ("IPv6", tagged(from, to, 5, &ours6), Reason::RedirectTcp),
            ("another port", tagged(from, to, 5, &others), Reason::PassDestination),
            ("two tags", twice, Reason::PassEthertype),
        ],
    );
}

#[test]
fn ipv4_options_are_skipped_and_fragments_pass() {
    let link = Link::new();
    let segment = &syn(Flow::new((CLIENT, 1000), (EDGE, PORT)))[20..];
    let (IpAddr::V4(from), IpAddr::V4(to)) = (CLIENT, EDGE) else { panic!("IPv4 addresses") };
    let header = Ipv4 { from, to, ..Ipv4::default() };
    let with = |header| ethernet(link.client_mac, link.edge_mac, &ipv4(header, segment));
    check(
        &link,
        &[
            ("one word", with(Ipv4 { option_words: 1, ..header }), Reason::RedirectTcp),
            ("ten words", with(Ipv4 { option_words: 10, ..header }), Reason::RedirectTcp),
            ("don't fragment", with(Ipv4 { fragment: 0x4000, ..header }), Reason::RedirectTcp),
            ("first fragment", with(Ipv4 { fragment: 0x2000, ..header }), Reason::PassFragment),
            ("later fragment", with(Ipv4 { fragment: 0x0010, ..header }), Reason::PassFragment),
        ],
    );
}

#[test]
fn icmp_errors_come_only_for_segments_of_ours() {
    let link = Link::new();
    // What is quoted was sent by us, to the client.
    let ours = syn(Flow::new((EDGE, PORT), (CLIENT, 1000)));
    let ours6 = syn(Flow::new((EDGE6, PORT), (CLIENT6, 1000)));
    let kernels = syn(Flow::new((EDGE, 22), (CLIENT, 1000)));
    let datagram = udp(Flow::new((EDGE, PORT), (CLIENT, 1000)), b"");
    let error = |kind, quoted: &[u8]| {
        let packet = if quoted[0] >> 4 == 4 {
            icmp_error(CLIENT, EDGE, kind, quoted)
        } else {
            icmp_error(CLIENT6, EDGE6, kind, quoted)
        };
        ethernet(link.client_mac, link.edge_mac, &packet)
    };
    check(
        &link,
        &[
            ("unreachable", error(3, &ours[..28]), Reason::RedirectIcmpError),
            ("time exceeded", error(11, &ours), Reason::RedirectIcmpError),
            ("parameter problem", error(12, &ours), Reason::RedirectIcmpError),
            ("packet too big", error(2, &ours6), Reason::RedirectIcmpError),
            ("unreachable, IPv6", error(1, &ours6), Reason::RedirectIcmpError),
            ("about the kernel's", error(3, &kernels), Reason::PassDestination),
            ("about a datagram", error(3, &datagram), Reason::PassProtocol),
            ("cut short", error(3, &ours[..22]), Reason::PassMalformed),
            ("cut short, IPv6", error(2, &ours6[..41]), Reason::PassMalformed),
        ],
    );
}

#[test]
fn for_an_owned_address_arp_neighbour_discovery_and_echo_come_too() {
    let link = Link::new();
    let (from, to) = (link.client_mac, link.edge_mac);
    let (IpAddr::V4(client), IpAddr::V4(edge)) = (CLIENT, EDGE) else { panic!("IPv4 addresses") };
    let frame = |packet: &[u8]| ethernet(from, to, packet);
    let who_has = |address| frame(&arp(1, (from, client), ([0; 6], address)));
    let solicit = |kind, to: Ipv6Addr, target: Ipv6Addr| {
        frame(&icmp(CLIENT6, to.into(), kind, &[&[0; 4][..], &target.octets()].concat()))
    };
    let multicast = "ff02::1:ff00:77".parse().expect("an address");
    let edge6 = "2001:db8::1".parse().expect("an address");
    let echo = |to| frame(&icmp(CLIENT, to, 8, &[0; 4]));
    let echo6 = |to| frame(&icmp(CLIENT6, to, 128, &[0; 4]));
    check(
        &link,
        &[
            ("ARP", who_has(OWNED), Reason::RedirectArp),
            ("ARP answer", frame(&arp(2, (from, client), (to, OWNED))), Reason::RedirectArp),
            ("ARP for the kernel", who_has(edge), Reason::PassDestination),
            ("solicitation", solicit(135, multicast, OWNED6), Reason::RedirectNeighbor),
            (
                "advertisement to us",
                { solicit(136, OWNED6, "2001:db8::2".parse().expect("an address")) },
                Reason::RedirectNeighbor,
            ),
            ("solicitation of the kernel", solicit(135, edge6, edge6), Reason::PassDestination),
            ("echo", echo(OWNED.into()), Reason::RedirectEcho),
            ("echo, IPv6", echo6(OWNED6.into()), Reason::RedirectEcho),
            ("echo for the kernel", echo(EDGE), Reason::PassDestination),
            ("echo for the kernel, IPv6", echo6(EDGE6), Reason::PassDestination),
        ],
    );
}

#[test]
fn what_makes_no_sense_passes() {
    let link = Link::new();
    let (from, to) = (link.client_mac, link.edge_mac);
    let whole = syn(Flow::new((CLIENT, 1000), (EDGE, PORT)));
    let mut short_header = whole.clone();
    short_header[0] = 0x44;
    let mut version = whole.clone();
    version[0] = 0x65;
    check(
        &link,
        &[
            ("another type", typed(from, to, 0x88b5, &whole), Reason::PassEthertype),
            (
                "a datagram",
                { ethernet(from, to, &udp(Flow::new((CLIENT, 1), (EDGE, PORT)), b"")) },
                Reason::PassProtocol,
            ),
            ("cut in the IP header", ethernet(from, to, &whole[..19]), Reason::PassMalformed),
            ("cut in the TCP header", ethernet(from, to, &whole[..39]), Reason::PassMalformed),
            ("a short header length", ethernet(from, to, &short_header), Reason::PassMalformed),
            ("IPv6 in IPv4's type", typed(from, to, 0x0800, &version), Reason::PassMalformed),
            ("IPv6 cut short", typed(from, to, 0x86dd, &[0x60; 39]), Reason::PassMalformed),
            ("ARP cut short", typed(from, to, 0x0806, &[0; 27]), Reason::PassMalformed),
            ("a tag and no more", typed(from, to, 0x8100, &[0, 5]), Reason::PassMalformed),
            (
                "IPv6 fragment",
                { ethernet(from, to, &ip(CLIENT6, EDGE6, 44, &[6, 0, 0, 0, 0, 0, 0, 1])) },
                Reason::PassFragment,
            ),
        ],
    );
}

#[test]
fn ping_and_other_ports_still_reach_the_kernel() {
    let link = Link::new();
    link.on_edge(|| {
        let edge = Edge::new();
        for address in [EDGE, EDGE6] {
            link.client
                .run("ping", &["-c1", "-W5", &address.to_string()])
                .expect("the kernel answers");
            let listener = TcpListener::bind((address, 8080)).expect("a kernel's listener");
            thread::scope(|scope| {
                scope.spawn(|| {
                    link.on_client(|| {
                        let address = SocketAddr::new(address, 8080);
                        let mut stream =
                            TcpStream::connect_timeout(&address, LIMIT).expect("connected");
                        stream.write_all(b"hello").expect("sent");
                    });
                });
                let (mut stream, _) = listener.accept().expect("accepted");
                let mut text = String::new();
                stream.read_to_string(&mut text).expect("received");
                assert_eq!(text, "hello");
            });
        }
        assert_eq!(edge.counters().get(Reason::RedirectTcp), 0);
        assert_all_free(edge.queue.close());
    });
}

#[test]
fn destinations_come_and_go_while_it_runs() {
    let link = Link::new();
    let to_port = |port| {
        let packet = syn(Flow::new((CLIENT, 1000), (EDGE, port)));
        ethernet(link.client_mac, link.edge_mac, &packet)
    };
    link.on_edge(|| {
        let mut edge = Edge::new();
        let added = Destination::new(EDGE, 8443);
        let frames = [to_port(8443), to_port(PORT)];
        link.inject(0, &frames);
        assert_eq!(*receive(&mut edge.queue, 1)[0], *frames[1]);

        edge.program.add_destination(added).expect("added");
        link.inject(0, &frames);
        assert_eq!(*receive(&mut edge.queue, 2)[0], *frames[0]);

        edge.program.remove_destination(added).expect("removed");
        edge.program.remove_destination(added).expect("nothing to remove");
        link.inject(0, &frames);
        assert_eq!(*receive(&mut edge.queue, 1)[0], *frames[1]);

        let only = Filter::default().with_destination(added);
        edge.program.set_filter(&only).expect("replaced");
        assert_eq!(edge.program.filter(), only);
        link.inject(0, &[frames[1].clone(), frames[0].clone()]);
        assert_eq!(*receive(&mut edge.queue, 1)[0], *frames[0]);
        assert_all_free(edge.queue.close());
    });
}

#[test]
fn a_filter_beyond_the_map_is_an_error() {
    let link = Link::new();
    link.on_edge(|| {
        let edge = Edge::new();
        let error = (1..=u16::MAX)
            .find_map(|port| edge.program.add_destination(Destination::new(EDGE, port)).err());
        assert!(matches!(error, Some(FilterError::Full)), "{error:?}");
    });
}

#[test]
fn frames_of_a_queue_without_a_socket_pass() {
    let link = Link::with(PairConfig { queues: 2, ..PairConfig::default() });
    let packet = syn(Flow::new((CLIENT, 1000), (EDGE, PORT)));
    let frame = ethernet(link.client_mac, link.edge_mac, &packet);
    link.on_edge(|| {
        let edge = Edge::new();
        link.inject(1, std::slice::from_ref(&frame));
        assert_eq!(edge.counters().get(Reason::PassNoSocket), 1);
        // A closed queue is one without a socket again.
        assert_all_free(edge.queue.close());
        link.inject(0, std::slice::from_ref(&frame));
        let counters = edge.program.counters().expect("counters");
        assert_eq!(counters.get(Reason::PassNoSocket), 2);
        assert_eq!(counters.get(Reason::RedirectTcp), 0);
    });
}

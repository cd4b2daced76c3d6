//! One direction of the link, and everything that goes wrong on it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use netstack::{Instant, Link, Span, Train};

use crate::counts::Counts;
use crate::forge::forged;
use crate::icmp::packet_too_big;
use crate::random::Random;

/// What goes wrong, in frames of a thousand, and how long the way is.
#[derive(Clone, Copy, Debug)]
pub struct Impairments {
    /// Frames that never arrive.
    pub loss: u64,
    /// Frames that arrive twice.
    pub duplication: u64,
    /// Frames that overtake or are overtaken.
    pub reordering: u64,
    /// Frames that arrive with a bit changed.
    pub corruption: u64,
    /// Segments with a companion that nobody sent.
    pub forgery: u64,
    /// ECN-capable frames that arrive marked.
    pub marking: u64,
    /// Trains of which only a part is taken.
    pub busy: u64,
    /// The time of the way.
    pub delay: Span,
    /// What the way may take longer, without overtaking.
    pub jitter: Span,
    /// Whether routers' errors get through.
    pub icmp_errors: IcmpErrors,
    /// The smallest MTU on the way, if it is not the link's.
    pub strait: Option<Strait>,
    /// The narrowest place, if there is one.
    pub bottleneck: Option<Bottleneck>,
}

/// What becomes of ICMP errors on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpErrors {
    /// They get through.
    Pass,
    /// They are filtered, as many firewalls do.
    Filtered,
}

/// A place that takes only short packets.
#[derive(Clone, Copy, Debug)]
pub struct Strait {
    /// The longest packet that passes.
    pub mtu: u16,
    /// What becomes of others.
    pub refusal: Refusal,
}

/// What a router does with a packet that is too big.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It tells the sender.
    Told,
    /// It says nothing: a black hole.
    Silent,
}

/// A narrow place with a queue before it.
#[derive(Clone, Copy, Debug)]
pub struct Bottleneck {
    /// What passes it.
    pub bytes_per_ms: u64,
    /// What may wait before it; more is lost.
    pub queue_bytes: u64,
    /// What may wait before ECN-capable frames are marked.
    pub marks_above_bytes: u64,
}

impl Impairments {
    /// A good link.
    pub const NONE: Self = Self {
        loss: 0,
        duplication: 0,
        reordering: 0,
        corruption: 0,
        forgery: 0,
        marking: 0,
        busy: 0,
        delay: Span::from_millis(5),
        jitter: Span::ZERO,
        icmp_errors: IcmpErrors::Pass,
        strait: None,
        bottleneck: None,
    };

    /// A bad link of any kind: each impairment is there or not.
    pub fn any(random: &mut Random) -> Self {
        let mut up_to = |max: u64| if random.chance(500) { random.within(0..max) } else { 0 };
        Self {
            loss: up_to(80),
            duplication: up_to(50),
            reordering: up_to(100),
            corruption: up_to(20),
            forgery: 0,
            marking: 0,
            busy: up_to(300),
            delay: Span::from_micros(20 + up_to(60_000)),
            jitter: Span::from_micros(up_to(5_000)),
            icmp_errors: IcmpErrors::Pass,
            strait: None,
            bottleneck: None,
        }
    }
}

/// A frame on its way.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    arrival: Instant,
    /// Decides between equal arrivals.
    number: u64,
    bytes: Vec<u8>,
}

/// One direction of the link.
#[derive(Debug)]
pub struct Cable {
    impairments: Impairments,
    random: Random,
    flying: BinaryHeap<Reverse<Flying>>,
    counts: Counts,
    /// When the last frame that was not reordered arrives.
    last_arrival: Instant,
    /// When the bottleneck is free.
    free_at: Instant,
    /// The time of the transmission that goes on.
    now: Instant,
    /// Whether the link is cut.
    cut: bool,
    /// The first segment that was taken, for those who want to look at it.
    first_segment: Option<Vec<u8>>,
    /// Bytes of the longest frame that was taken.
    longest_frame: usize,
    /// Answers of routers on the way, for the sender.
    answers: Vec<Vec<u8>>,
    /// A hash of every frame that was taken.
    digest: u64,
    /// The frames that were taken since the last look, where somebody looks.
    watched: Option<Vec<Vec<u8>>>,
}

impl Cable {
    /// A cable with nothing on it.
    pub fn new(impairments: Impairments, random: Random) -> Self {
        Self {
            impairments,
            random,
            flying: BinaryHeap::new(),
            counts: Counts::default(),
            last_arrival: Instant::ORIGIN,
            free_at: Instant::ORIGIN,
            now: Instant::ORIGIN,
            cut: false,
            first_segment: None,
            longest_frame: 0,
            answers: Vec::new(),
            digest: 0,
            watched: None,
        }
    }

    /// The link as the sender sees it at `now`.
    pub fn at(&mut self, now: Instant) -> &mut Self {
        self.now = now;
        self
    }

    /// Keeps what is put on the cable from here on, lost frames included, for [`Cable::watched`].
    pub fn watch(&mut self) {
        self.watched = Some(Vec::new());
    }

    /// What was put on the cable since it is watched; it is not any more.
    pub fn watched(&mut self) -> Vec<Vec<u8>> {
        self.watched.take().unwrap_or_default()
    }

    /// Nothing arrives from here on, not even what is on its way.
    pub fn cut(&mut self) {
        self.cut = true;
        self.flying.clear();
    }

    /// The way takes other packets from here on.
    pub fn set_strait(&mut self, strait: Option<Strait>) {
        self.impairments.strait = strait;
    }

    /// What routers on the way have to say to the sender, since the last call.
    pub fn take_answers(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.answers)
    }

    /// What is sent from here on takes this long.
    pub fn set_delay(&mut self, delay: Span) {
        self.impairments.delay = delay;
    }

    /// What became of the frames so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What is sent from here on meets this.
    pub fn set_impairments(&mut self, impairments: Impairments) {
        self.impairments = impairments;
    }

    /// When the next frame arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.flying.peek().map(|Reverse(frame)| frame.arrival)
    }

    /// The next frame that has arrived.
    pub fn arrived(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.next_arrival()? > now {
            return None;
        }
        let Reverse(frame) = self.flying.pop()?;
        self.counts.arrived += 1;
        Some(frame.bytes)
    }

    /// Notes that the last frame that arrived was not taken.
    pub fn count_refused(&mut self) {
        self.counts.refused += 1;
    }

    /// Frames that were put on the cable, lost ones included.
    pub fn frames(&self) -> u64 {
        self.counts.taken
    }

    /// Bytes of the longest frame that was put on the cable.
    pub fn longest_frame(&self) -> usize {
        self.longest_frame
    }

    /// A hash of every frame that was put on the cable, in order.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The first segment that was put on the cable.
    pub fn first_segment(&self) -> Option<&[u8]> {
        self.first_segment.as_deref()
    }

    /// Puts a frame on the cable that no sender of ours sent.
    pub fn put_foreign(&mut self, now: Instant, bytes: Vec<u8>) {
        self.now = now;
        self.put(bytes);
    }

    /// Takes a frame of a sender that is no engine.
    pub fn take(&mut self, now: Instant, bytes: Vec<u8>) {
        self.now = now;
        self.accept(bytes);
    }

    /// Takes a frame, and loses it or not.
    fn accept(&mut self, bytes: Vec<u8>) {
        if let Some(watched) = &mut self.watched {
            watched.push(bytes.clone());
        }
        self.counts.taken += 1;
        self.longest_frame = self.longest_frame.max(bytes.len());
        for byte in &bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
        // ARP and neighbour discovery ask three times only: their loss is no test of TCP.
        let lost = is_tcp(&bytes) && self.random.chance(self.impairments.loss);
        if lost || self.cut {
            self.counts.lost += 1;
        } else {
            self.put(bytes);
        }
    }

    /// Puts a frame on the cable.
    fn put(&mut self, mut bytes: Vec<u8>) {
        if self.impairments.icmp_errors == IcmpErrors::Filtered && is_icmp_error(&bytes) {
            self.counts.filtered += 1;
            return;
        }
        if let Some(Strait { mtu, refusal }) = self.impairments.strait
            && bytes.len() > 14 + usize::from(mtu)
        {
            self.counts.too_long += 1;
            if refusal == Refusal::Told {
                self.answers.push(packet_too_big(&bytes, mtu));
            }
            return;
        }
        let waiting = self.waiting_bytes();
        let Some(departure) = self.pass_bottleneck(bytes.len() as u64) else {
            self.counts.overflowed += 1;
            return;
        };
        let Impairments { marking, bottleneck, .. } = self.impairments;
        let is_long = bottleneck.is_some_and(|narrow| waiting > narrow.marks_above_bytes);
        if (is_long || (marking > 0 && self.random.chance(marking))) && mark(&mut bytes) {
            self.counts.marked += 1;
            self.counts.marked_bytes += payload_len(&bytes);
        }
        if self.random.chance(self.impairments.duplication) {
            self.counts.duplicated += 1;
            self.fly(departure, bytes.clone());
        }
        if self.random.chance(self.impairments.forgery)
            && let Some(forged) = forged(&bytes, &mut self.random)
        {
            self.fly(departure, forged);
        }
        self.fly(departure, bytes);
    }

    /// Bytes that wait before the bottleneck.
    fn waiting_bytes(&self) -> u64 {
        let Some(bottleneck) = self.impairments.bottleneck else { return 0 };
        (self.free_at - self.now).as_micros() * bottleneck.bytes_per_ms / 1_000
    }

    /// When a frame leaves the bottleneck; `None` when its queue is full.
    fn pass_bottleneck(&mut self, bytes: u64) -> Option<Instant> {
        let Some(bottleneck) = self.impairments.bottleneck else { return Some(self.now) };
        if self.waiting_bytes() + bytes > bottleneck.queue_bytes {
            return None;
        }
        let start = self.free_at.max(self.now);
        self.free_at = start + Span::from_nanos(bytes * 1_000_000 / bottleneck.bytes_per_ms);
        Some(self.free_at)
    }

    /// Sends a copy on its way.
    fn fly(&mut self, departure: Instant, mut bytes: Vec<u8>) {
        let Impairments { delay, jitter, reordering, corruption, .. } = self.impairments;
        // ARP has no checksum, and the Ethernet header's is not modelled: those stay whole.
        let is_ip = bytes.get(12..14) != Some(&[8, 6]);
        if is_ip && self.random.chance(corruption) {
            self.counts.corrupted += 1;
            let at = self.random.within(14..bytes.len() as u64);
            bytes[usize::try_from(at).expect("below a length")] ^= 1 << self.random.within(0..8);
        }
        let jitter = Span::from_nanos(self.random.within(0..jitter.as_nanos() + 1));
        let arrival = if self.random.chance(reordering) {
            self.counts.reordered += 1;
            departure + delay + jitter + Span::from_nanos(self.random.within(0..10_000_000))
        } else {
            self.last_arrival = self.last_arrival.max(departure + delay + jitter);
            self.last_arrival
        };
        self.flying.push(Reverse(Flying { arrival, number: self.counts.taken, bytes }));
    }
}

/// Whether a frame holds a TCP segment.
fn is_tcp(frame: &[u8]) -> bool {
    match frame.get(12..14) {
        Some([0x08, 0x00]) => frame.get(23) == Some(&6),
        Some([0x86, 0xdd]) => frame.get(20) == Some(&6),
        Some(_) | None => false,
    }
}

/// Bytes of payload of a segment without IP options or a VLAN tag.
fn payload_len(frame: &[u8]) -> u64 {
    let tcp_at = if frame.get(12..14) == Some(&[0x08, 0x00]) { 34 } else { 54 };
    let header = frame.get(tcp_at + 12).map_or(0, |offset| usize::from(offset >> 4) * 4);
    frame.len().saturating_sub(tcp_at + header) as u64
}

/// Whether a frame holds an ICMP or ICMPv6 error.
fn is_icmp_error(frame: &[u8]) -> bool {
    match (frame.get(12..14), frame.get(20), frame.get(23)) {
        // Unreachable, source quench, redirect, time exceeded, parameter problem. RFC 792.
        (Some([0x08, 0x00]), _, Some(1)) => {
            matches!(frame.get(34), Some(3 | 4 | 5 | 11 | 12))
        }
        // Types below 128 are errors. RFC 4443 §2.1.
        (Some([0x86, 0xdd]), Some(58), _) => frame.get(54).is_some_and(|kind| *kind < 128),
        _ => false,
    }
}

/// Marks a frame as having met congestion, if it is ECN-capable: whether it was. RFC 3168 §5.
fn mark(frame: &mut [u8]) -> bool {
    let Some(ip) = frame.get_mut(14..) else { return false };
    match ip {
        [version, class, ..] if *version >> 4 == 4 => {
            if *class & 3 == 0 || *class & 3 == 3 {
                return false;
            }
            let old = u16::from_be_bytes([*version, *class]);
            *class |= 3;
            let new = u16::from_be_bytes([*version, *class]);
            // RFC 1624, equation 3.
            let sum = u32::from(!u16::from_be_bytes([ip[10], ip[11]]));
            let sum = sum + u32::from(!old) + u32::from(new);
            let sum = (sum & 0xffff) + (sum >> 16);
            let sum = (sum & 0xffff) + (sum >> 16);
            let sum = !u16::try_from(sum).expect("both carries are in");
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            true
        }
        [version, class, ..] if *version >> 4 == 6 => {
            if *class & 0x30 == 0 || *class & 0x30 == 0x30 {
                return false;
            }
            *class |= 0x30;
            true
        }
        _ => false,
    }
}

impl Link for Cable {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        let segments = train.segments();
        let taken = if self.random.chance(self.impairments.busy) {
            usize::try_from(self.random.within(0..segments as u64 + 1)).expect("below a length")
        } else {
            segments
        };
        for index in 0..taken {
            let len = train.segment_len(index);
            let mut bytes = vec![0xaa; len];
            assert_eq!(train.write_segment(index, &mut bytes), Some(len), "the frame fits");
            if train.is_tcp() && self.first_segment.is_none() {
                self.first_segment = Some(bytes.clone());
            }
            self.accept(bytes);
        }
        taken
    }
}

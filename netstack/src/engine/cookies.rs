//! SYN cookies: what is done with SYNs beyond the limit of half-open connections, and with ACKs
//! that belong to no flow. RFC 4987 §3.6.

use super::Engine;
use super::config::SynCookies;
use super::drops::DropReason;
use super::event::ListenerId;
use super::flows::Place;
use super::payload::{Buffer, Frame};
use crate::tcp::cookie::{COOKIE_LIFETIME, CookieKey, CookieTime, Handshake};
use crate::tcp::ecn::{EcnOffer, OfferMode};
use crate::tcp::header::Route;
use crate::tcp::input::Incoming;
use crate::tcp::input::listen::{Answer, HalfOpen};
use crate::tcp::isn::TimestampClock;
use crate::tcp::segment::{Control, Segment};
use crate::time::{Instant, Span};
use crate::wire::tcp_options::{SynOptions, Timestamps};

/// The cookies of an engine.
#[derive(Debug)]
pub(super) struct Cookies {
    key: CookieKey,
    /// When the last one was sent, by this engine or by another with the same seed. Without any
    /// that may still be answered no ACK is taken for one, so that nobody may guess in quiet times.
    sent_at: Option<Instant>,
}

/// What becomes of a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// A half-open connection.
    HalfOpen,
    /// A cookie.
    Cookie,
}

impl Cookies {
    /// None was sent yet.
    pub(super) const fn new(key: CookieKey) -> Self {
        Self { key, sent_at: None }
    }

    /// Whether one may still be answered.
    fn are_out(&self, now: Instant) -> bool {
        self.sent_at.is_some_and(|at| now - at <= COOKIE_LIFETIME)
    }
}

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// When this engine last sent a SYN cookie, or was told so of another: for
    /// [`Engine::expect_cookies`] of the engines that may get the answer.
    #[must_use]
    pub const fn cookies_sent_at(&self) -> Option<Instant> {
        self.cookies.sent_at
    }

    /// Another engine with the same seed and the same clock sent a SYN cookie at `sent_at`: for as
    /// long as that one is good, ACKs without a flow may complete a handshake here as well.
    pub fn expect_cookies(&mut self, sent_at: Instant) {
        self.cookies.sent_at = self.cookies.sent_at.max(Some(sent_at));
    }

    /// What becomes of a SYN for `listener`.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(super) fn admit(&self, listener: ListenerId) -> Result<Admission, DropReason> {
        let found = self.listeners.get(listener).ok_or(DropReason::NoListener)?;
        found.takes_connection()?;
        let full = self.half_open.is_full() || found.is_half_open_full();
        match (self.config.tcp.syn_cookies, full) {
            (SynCookies::Always, _) | (SynCookies::BeyondLimit, true) => Ok(Admission::Cookie),
            (SynCookies::BeyondLimit | SynCookies::Off, false) => Ok(Admission::HalfOpen),
            (SynCookies::Off, true) => Err(DropReason::HalfOpenFull),
        }
    }

    /// Answers a SYN with a cookie and forgets it.
    pub(super) fn send_cookie(&mut self, now: Instant, half_open: HalfOpen) {
        let HalfOpen { tuple, irs, options, .. } = half_open;
        let time = CookieTime::at(now);
        let iss = self.cookies.key.encode(time, &Handshake { tuple, irs }, &options);
        self.cookies.sent_at = Some(now);
        self.counters.syn_cookies_sent += 1;
        // A cookie has no place for classic ECN; of accurate feedback the answer tells. RFC 9768 §5.1.
        let ecn = match half_open.ecn.mode {
            OfferMode::None | OfferMode::Classic => EcnOffer::default(),
            OfferMode::Accurate(_) => half_open.ecn,
        };
        self.send_syn_ack(now, &HalfOpen { iss, ecn, answer: Answer::Again, ..half_open });
    }

    /// A segment without a flow, after every engine was asked: the answer to a cookie, or refused
    /// with RST. RFC 9293 §3.10.7.2, second.
    pub(super) fn on_stray(&mut self, now: Instant, route: Route, incoming: Incoming<F>) {
        match self.rebuild(now, &incoming.segment, route) {
            Ok(half_open) => self.accept_cookie(now, &half_open, incoming),
            Err(reason) => self.refuse(&incoming.segment, route, reason),
        }
    }

    /// The half-open connection that this segment answers the cookie of.
    fn rebuild(
        &mut self,
        now: Instant,
        segment: &Segment,
        route: Route,
    ) -> Result<HalfOpen, DropReason> {
        let tuple = segment.tuple;
        let listener = self.listeners.find(tuple.local).ok_or(DropReason::NoListener)?;
        let ack = match segment.control {
            Control::None | Control::Fin => segment.ack.ok_or(DropReason::NoListener)?,
            Control::Syn | Control::Rst => return Err(DropReason::NoListener),
        };
        if !self.cookies.are_out(now) {
            return Err(DropReason::NoListener);
        }
        let (iss, irs) = (ack - 1, segment.seq - 1);
        let decoded = self.cookies.key.decode(CookieTime::at(now), &Handshake { tuple, irs }, iss);
        let Some(options) = decoded else {
            self.counters.syn_cookies_failed += 1;
            return Err(DropReason::BadCookie);
        };
        let clock = self.secrets.timestamp_offset(&tuple);
        let echo = segment.timestamps().and_then(|theirs| answer_to(clock, now, theirs));
        let (timestamps, opened_at) = match echo {
            Some((theirs, round_trip)) => (Some(theirs), now - round_trip),
            None => (None, now),
        };
        Ok(HalfOpen {
            tuple,
            route,
            listener,
            iss,
            irs,
            options: SynOptions { timestamps, ..options },
            ecn: EcnOffer::of_cookie(self.config.tcp.ecn_policy(), segment.flags),
            clock,
            opened_at,
            retransmits: 0,
            challenges: 0,
            answer: Answer::Again,
        })
    }

    /// The handshake is complete: a connection begins, and takes the segment.
    fn accept_cookie(&mut self, now: Instant, half_open: &HalfOpen, incoming: Incoming<F>) {
        if let Err(reason) = self.accept(now, half_open, Place::New, incoming) {
            self.counters.count_drop(reason);
            return;
        }
        self.counters.syn_cookies_accepted += 1;
    }
}

/// The timestamps of an ACK, and the round trip that they tell, if they answer ours: a peer only
/// sends any when its SYN and our SYN-ACK had them. RFC 7323 §3.2.
fn answer_to(
    clock: TimestampClock,
    now: Instant,
    theirs: Timestamps,
) -> Option<(Timestamps, Span)> {
    let elapsed = Span::from_millis(u64::from(clock.elapsed_ms(now, theirs.echo)?));
    (elapsed <= COOKIE_LIFETIME).then_some((theirs, elapsed))
}

//! The rules by name: the RFC, the section, what it says.

/// Declares [`Rule`] with the name of each variant, so that the list exists once.
macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $variant:ident => $name:literal,)+) => {
        /// A rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// RFC, section and what it says.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

rules! {
    /// What is sent has right checksums, lengths, options and zero padding.
    SegmentsAreWellFormed => "rfc9293-3.1-well-formed",
    /// Segments come from connections, after their handshake.
    OnlyConnectionsSend => "rfc9293-3.10-only-connections-send",
    /// An active OPEN sends a SYN.
    OpenSendsSyn => "rfc9293-3.10.1-open-sends-syn",
    /// A SYN is answered with a SYN-ACK of its number.
    SynAckAnswersSyn => "rfc9293-3.10.7.2-syn-ack-answers-syn",
    /// A repeated SYN has the number of the first.
    SynKeepsItsNumber => "rfc9293-3.4-syn-keeps-its-number",
    /// Our SYN carries neither text nor FIN.
    SynCarriesNoText => "rfc9293-3.10.1-syn-without-text",
    /// A SYN that comes again is answered again.
    RepeatedSynIsAnsweredAgain => "rfc9293-3.10.7.4-repeated-syn-answered",
    /// A SYN is repeated after its timeout, which doubles.
    SynIsRepeatedAfterTimeout => "rfc6298-5.5-syn-timeout-doubles",
    /// A SYN is repeated a limited number of times.
    SynIsGivenUp => "rfc9293-3.8.3-syn-given-up",
    /// A SYN-ACK opens the connection and is acknowledged at once.
    SynSentSynAckIsAcked => "rfc9293-3.10.7.3-syn-ack-is-acked",
    /// In SYN-SENT an ACK of something else is answered with RST.
    SynSentBadAckReset => "rfc9293-3.10.7.3-bad-ack-reset",
    /// In SYN-SENT a RST counts if its ACK is right.
    SynSentResetRefuses => "rfc9293-3.10.7.3-reset-refuses",
    /// The ACK of our SYN opens the connection.
    SynReceivedAckOpens => "rfc9293-3.10.7.4-syn-received-opens",
    /// In SYN-RECEIVED an ACK of something else is answered with RST.
    SynReceivedBadAckReset => "rfc9293-3.10.7.4-syn-received-bad-ack-reset",
    /// A RST ends an active open whose SYN has crossed another.
    SynReceivedResetRefuses => "rfc9293-3.10.7.4-syn-received-reset",
    /// The MSS that we tell fits the link.
    MssOptionFitsTheLink => "rfc9293-3.7.1-mss-option-fits",
    /// The window scale that we tell is at most 14.
    ScaleIsAtMost14 => "rfc7323-2.3-scale-at-most-14",
    /// A SYN-ACK has only options that the SYN had.
    SynAckOnlyOffersWhatWasAsked => "rfc7323-1.3-syn-ack-offers-what-was-asked",
    /// A SYN echoes nothing, a SYN-ACK the SYN's timestamp.
    SynEchoIsRight => "rfc7323-3.2-syn-echo",
    /// An option is in use if both SYNs had it.
    OptionsAreAgreed => "rfc7323-2.2-options-agreed",
    /// MSS, scale and SACK permitted are on SYNs only.
    SynOptionsOnlyOnSyns => "rfc9293-3.2-syn-options-on-syns",
    /// Timestamps are on every segment if they were agreed, else on none.
    StampsAlwaysIfAgreed => "rfc7323-3.2-stamps-on-every-segment",
    /// TSval never goes back.
    StampsNeverGoBack => "rfc7323-5.4-stamps-never-go-back",
    /// TSecr is TS.Recent.
    EchoIsTheRecentStamp => "rfc7323-4.3-echo-is-ts-recent",
    /// A segment with an old timestamp is not used, and acknowledged.
    PawsRejects => "rfc7323-5.3-paws-rejects",
    /// SACK is used if both SYNs had it.
    SackOnlyIfAgreed => "rfc2018-2-sack-only-if-agreed",
    /// A SACK block reports text that was received above the ACK.
    SackReportsWhatIsHeld => "rfc2018-4-sack-reports-what-is-held",
    /// The first block holds the segment that came last.
    SackReportsTheNewestFirst => "rfc2018-4-sack-newest-first",
    /// A D-SACK block reports what came twice.
    DuplicateSackReportsWhatCameTwice => "rfc2883-4-dsack-reports-duplicates",
    /// The peer's SACK blocks above SND.UNA count.
    SackReports => "rfc2018-5-sack-is-taken",
    /// Text and options together are at most the peer's MSS.
    SegmentFitsTheMss => "rfc6691-2-segment-fits-mss",
    /// A packet is at most as long as the link takes.
    PacketFitsTheLink => "rfc1191-3-packet-fits-path",
    /// A segment without text is acceptable at RCV.NXT of a closed window.
    AcceptableEmptyAtZeroWindow => "rfc9293-3.10.7.4-first-empty-zero-window",
    /// A segment without text is acceptable in the window.
    AcceptableEmptyInWindow => "rfc9293-3.10.7.4-first-empty-in-window",
    /// A segment with text is acceptable if some of it is in the window.
    AcceptableText => "rfc9293-3.10.7.4-first-text-in-window",
    /// What is not acceptable changes nothing.
    UnacceptableIsNotUsed => "rfc9293-3.10.7.4-first-unacceptable-unused",
    /// What is not acceptable is acknowledged.
    UnacceptableIsAcked => "rfc9293-3.10.7.4-first-unacceptable-acked",
    /// A RST outside of the window is dropped in silence.
    ResetOutsideWindowIsDropped => "rfc5961-3.2-reset-outside-window-dropped",
    /// A RST in the window that is not exact gets a challenge ACK.
    ResetInWindowIsChallenged => "rfc5961-3.2-reset-in-window-challenged",
    /// A RST exactly at RCV.NXT ends the connection.
    ExactResetEnds => "rfc5961-3.2-exact-reset-ends",
    /// A SYN on a connection gets a challenge ACK.
    SynIsChallenged => "rfc5961-4.2-syn-challenged",
    /// Challenge ACKs are limited by connection and second.
    ChallengesAreLimited => "rfc5961-7-challenges-limited",
    /// A segment without ACK is dropped.
    NoAckIsDropped => "rfc9293-3.10.7.4-fifth-no-ack-dropped",
    /// An ACK of what was never sent gets a challenge ACK.
    AckOfUnsentIsChallenged => "rfc5961-5.2-ack-of-unsent-challenged",
    /// An ACK left of SND.UNA - MAX.SND.WND gets a challenge ACK.
    AckFromLongAgoIsChallenged => "rfc5961-5.2-ack-from-long-ago-challenged",
    /// An ACK of something new moves SND.UNA.
    AckAdvances => "rfc9293-3.10.7.4-fifth-ack-advances",
    /// An ACK of nothing new moves nothing.
    OldAckChangesNothing => "rfc9293-3.10.7.4-fifth-old-ack",
    /// An ACK of our FIN moves on.
    AckOfFinMoves => "rfc9293-3.10.7.4-fifth-ack-of-fin",
    /// Text at RCV.NXT is taken.
    TextInOrderIsTaken => "rfc9293-3.10.7.4-seventh-in-order-taken",
    /// Text ahead of a gap is acknowledged at once.
    TextAheadIsAckedAtOnce => "rfc5681-4.2-ahead-acked-at-once",
    /// Text that fills a gap is acknowledged at once.
    FilledGapIsAckedAtOnce => "rfc5681-4.2-filled-gap-acked-at-once",
    /// Text that was received before, or for which there is no room, is acknowledged at once.
    OldTextIsAckedAtOnce => "rfc9293-3.10.7.4-old-text-acked",
    /// Text after the peer's FIN is not used.
    TextAfterFinIsNotUsed => "rfc9293-3.10.7.4-seventh-after-fin",
    /// Text for a user that has closed is answered with RST.
    TextAfterCloseIsReset => "rfc1122-4.2.2.13-text-after-close-reset",
    /// A FIN is acknowledged at once.
    FinIsAckedAtOnce => "rfc9293-3.10.7.4-eighth-fin-acked",
    /// The peer's FIN, once all before it is there, moves on.
    FinMoves => "rfc9293-3.10.7.4-eighth-fin-moves",
    /// Every second full segment is acknowledged at once.
    SecondSegmentIsAcked => "rfc5681-4.2-second-segment-acked",
    /// An acknowledgment is delayed by less than half a second.
    AckIsDelayedLittle => "rfc9293-3.8.6.3-ack-delay",
    /// Only what has arrived is acknowledged.
    AckOnlyWhatArrived => "rfc9293-3.4-ack-what-arrived",
    /// Acknowledgments never go back.
    AckNeverGoesBack => "rfc9293-3.4-ack-never-goes-back",
    /// Once there is a connection, every segment acknowledges.
    AckIsAlwaysSet => "rfc9293-3.1-ack-always-set",
    /// A segment without text answers something, opens the window, or probes.
    AckNeedsReason => "rfc9293-3.10-ack-needs-reason",
    /// A segment without text is at SND.NXT, or a probe left of SND.UNA.
    EmptySegmentsAreAtSndNxt => "rfc9293-3.10.7.4-empty-at-snd-nxt",
    /// The right edge of our window never moves left.
    RightEdgeNeverMovesLeft => "rfc9293-3.8.6-right-edge",
    /// Our window is what the buffer can hold.
    WindowFitsTheBuffer => "rfc9293-3.8.6-window-fits-buffer",
    /// The right edge moves by a segment or by half of the buffer.
    ReceiverAvoidsSillyWindows => "rfc9293-3.8.6.2.2-receiver-sws",
    /// Nothing is sent beyond the peer's window but probes of one octet.
    NothingBeyondTheWindow => "rfc9293-3.8.6-nothing-beyond-window",
    /// Text is what the user has queued.
    SendsOnlyWhatWasQueued => "rfc9293-3.10.2-sends-what-was-queued",
    /// Text goes out in order, without a gap.
    NothingIsLeftOut => "rfc9293-3.4-nothing-left-out",
    /// An octet that was sent has one value for ever.
    OctetsNeverChange => "rfc9293-3.4-octets-never-change",
    /// Text is sent in the states that may.
    TextOnlyWhereItMayBeSent => "rfc9293-3.10.2-text-in-sending-states",
    /// A short segment is the last, or half of the largest window.
    SenderAvoidsSillyWindows => "rfc9293-3.8.6.2.1-sender-sws",
    /// With Nagle's algorithm a short segment waits while data is in flight.
    NagleWaits => "rfc9293-3.7.4-nagle",
    /// The FIN follows a CLOSE and all text.
    FinFollowsAllText => "rfc9293-3.10.4-fin-follows-text",
    /// CLOSE moves on.
    CloseCallMoves => "rfc9293-3.10.4-close-moves",
    /// ABORT sends a RST at SND.NXT.
    AbortSendsReset => "rfc9293-3.10.5-abort-sends-reset",
    /// A segment without a connection is answered with RST.
    ClosedAnswersWithReset => "rfc9293-3.10.7.1-closed-answers-with-reset",
    /// A RST answers something that is no RST, or an ABORT.
    ResetNeedsReason => "rfc9293-3.5.3-reset-needs-reason",
    /// A RST is nothing else and carries nothing.
    ResetCarriesNothing => "rfc9293-3.5.2-reset-carries-nothing",
    /// Only what is unacknowledged is sent again.
    OnlyTheUnacknowledgedIsRepeated => "rfc9293-3.8.1-only-unacknowledged-repeated",
    /// What is sent again was lost, as far as can be known.
    RepeatsNeedReason => "rfc5681-3.2-repeats-need-reason",
    /// After the timeout the first unacknowledged segment is sent again.
    TimeoutRepeats => "rfc6298-5.4-timeout-repeats",
    /// After a timeout all that was out counts as lost.
    AllIsRepeatedAfterTimeout => "rfc6298-5.4-all-after-timeout",
    /// What lies below something reported and sent no earlier may be lost.
    SackRepairs => "rfc6675-5-sack-repairs",
    /// Three duplicate ACKs mean a loss.
    ThreeDuplicatesRepair => "rfc5681-3.2-three-duplicates",
    /// A partial ACK means that the next segment is lost as well.
    PartialAckRepairs => "rfc6582-3.2-partial-ack",
    /// What was sent before something that has arrived may be lost.
    RackRepairs => "rfc8985-6.2-rack",
    /// The tail is sent again as a probe after two round trips.
    TailIsProbed => "rfc8985-7.2-tail-probe",
    /// What did not fit the path is sent again.
    SmallerPathRepeats => "rfc1191-6.4-smaller-path-repeats",
    /// Something unacknowledged means a timer.
    TheUnacknowledgedIsRepeatedInTime => "rfc6298-5.1-timer-runs",
    /// The timeout is within its bounds.
    RtoIsWithinItsBounds => "rfc6298-2.4-rto-bounds",
    /// RTO is SRTT + max(G, 4 RTTVAR), doubled by each timeout.
    RtoFollowsFromTheRoundTrips => "rfc6298-2.3-rto-formula",
    /// SRTT lies between the round trips that were seen, and never counts what was sent twice.
    SrttIsARoundTripThatWasSeen => "rfc6298-3-karn",
    /// A closed window is probed, at the timeout at the earliest.
    ClosedWindowIsProbed => "rfc9293-3.8.6.1-window-probe",
    /// Text that waits for a closed window means a probe.
    ClosedWindowIsProbedInTime => "rfc9293-3.8.6.1-window-probe-in-time",
    /// Nobody is probed unless the user wants it.
    KeepaliveOnlyIfWanted => "rfc9293-3.8.4-keepalive-off-by-default",
    /// A keepalive probe follows silence.
    SilentPeerIsProbed => "rfc9293-3.8.4-keepalive-after-silence",
    /// Keepalive probes are limited in number.
    SilentPeerIsGivenUp => "rfc9293-3.8.4-keepalive-given-up",
    /// A RST does not end TIME-WAIT.
    TimeWaitIgnoresReset => "rfc1337-3-time-wait-ignores-reset",
    /// The peer's FIN again is acknowledged and starts 2 MSL anew.
    TimeWaitRestarts => "rfc9293-3.10.7.4-time-wait-restarts",
    /// What comes in TIME-WAIT may be acknowledged.
    TimeWaitAcknowledges => "rfc9293-3.10.7.4-time-wait-acknowledges",
    /// TIME-WAIT ends after 2 MSL.
    TimeWaitEnds => "rfc9293-3.10.8-time-wait-ends",
    /// A connection that takes TIME-WAIT's place begins above its numbers.
    ReusedNumbersAreHigher => "rfc9293-3.6.1-reused-numbers-higher",
    /// The first flight is at most ten segments.
    InitialWindowIsSmall => "rfc6928-2-initial-window",
    /// New text is sent while the flight is within the congestion window.
    FlightFitsTheCongestionWindow => "rfc5681-3.1-flight-fits-cwnd",
    /// The congestion window grows by what has arrived at most.
    WindowGrowsByWhatArrived => "rfc3465-2.1-cwnd-growth",
    /// New text goes out ahead of what a timeout gave up: two segments, after the first answer.
    NewTextTestsATimeout => "rfc5682-2.1-new-text-tests-timeout",
    /// The window comes back when the repair was for nothing.
    NeedlessRepairIsTakenBack => "rfc4015-3-needless-repair-taken-back",
    /// The user hears of the peer's FIN once it was taken.
    EndOfStreamIsTold => "rfc9293-3.10.7.4-eighth-user-told",
    /// The user hears of a connection once it is open.
    OpenIsTold => "rfc9293-3.10.7.4-open-told",
    /// The state is one to which the step leads.
    ShownState => "rfc9293-3.3.2-state",
    /// SND.UNA is the greatest acceptable acknowledgment.
    ShownSndUna => "rfc9293-3.4-snd-una",
    /// SND.NXT is behind the last that was sent.
    ShownSndNxt => "rfc9293-3.4-snd-nxt",
    /// RCV.NXT is behind what has arrived in order.
    ShownRcvNxt => "rfc9293-3.4-rcv-nxt",
    /// RCV.WND is what the last segment said.
    ShownWindowIsTheAdvertised => "rfc9293-3.8.6-window-as-advertised",
    /// SND.WND is that of the newest segment.
    ShownSndWnd => "rfc9293-3.10.7.4-fifth-window-update",
}

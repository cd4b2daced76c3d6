//! An established connection: weir's own record layer in both directions.

use std::ops::{DerefMut, Range};

use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;

use crate::alert::{Alert, LEVEL_FATAL, LEVEL_WARNING};
use crate::error::{PeerError, SealError, SessionError};
use crate::key_update::{KeyUpdateRequest, PendingControl};
use crate::limits::Allowance;
use crate::post_handshake::{MessageReader, PostHandshake};
use crate::record::assembly::{Assembly, PartialBody};
use crate::record::header::{ContentType, RecordHeader, VERSION_TLS12};
use crate::record::protection::Protection;
use crate::secrets::CryptoFailure;
use crate::version::{Role, Version};

/// Both directions of a connection after its handshake.
///
/// `G` is the record buffer in which a record is gathered that spans payloads: at least
/// [`HEADER_ROOM`](crate::HEADER_ROOM) + [`PLAINTEXT_MAX`](crate::PLAINTEXT_MAX) +
/// [`TAG_ROOM`](crate::TAG_ROOM) bytes long.
pub struct Session<G> {
    version: Version,
    role: Role,
    tx: Protection,
    rx: Protection,
    read: Direction,
    write: Direction,
    assembly: Assembly<G>,
    messages: MessageReader,
    pending: PendingControl,
    allowance: Allowance,
    /// What stores the tickets that a server sends; a client's alone.
    tickets: Option<Box<KernelConnection<ClientConnectionData>>>,
    failed: Option<SessionError>,
}

/// What one payload brought. The plaintext of `gathered` precedes that of `in_place`.
#[derive(Debug)]
#[must_use]
pub struct Received<P, G> {
    /// Plaintext of a record that began in an earlier payload, and where it lies.
    pub gathered: Option<(G, Range<usize>)>,
    /// The payload, with the plaintext of all records that lay inside it in one range. None when
    /// it held no data: the payload is dropped then.
    pub in_place: Option<(P, Range<usize>)>,
    /// Records that were opened, control records among them.
    pub records: usize,
    /// The peer has sent close_notify, now or before: it sends no more data. Our direction is open.
    pub closed: bool,
    /// A control record is due: [`Session::seal_control`] before the next [`Session::seal`].
    pub reply: bool,
}

/// Sequence numbers of the next records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequences {
    /// Of the next record that we seal.
    pub tx: u64,
    /// Of the next record that we open.
    pub rx: u64,
}

impl<G: DerefMut<Target = [u8]>> Session<G> {
    pub(crate) fn new(parts: SessionParts) -> Self {
        let SessionParts { version, role, tx, rx, read, write, tickets } = parts;
        Self {
            version,
            role,
            tx,
            rx,
            read,
            write,
            assembly: Assembly::IDLE,
            messages: MessageReader::new(version, role),
            pending: PendingControl::default(),
            allowance: Allowance::FULL,
            tickets,
            failed: None,
        }
    }

    /// Opens the records that `payload` completes.
    ///
    /// The payload is the next part of the peer's byte stream, cut anywhere. A record that
    /// lies whole in it is opened there, and several are moved together. A record that it ends in
    /// the midst of is copied into a buffer from `gather`, which is called at most once, and only
    /// when the record's length is known. Bytes behind a close_notify are ignored.
    ///
    /// # Errors
    /// When the peer broke the protocol or a cap, gave up with an alert, or `gather` had no
    /// buffer. The session is over then, plaintext of the same payload is discarded, and every
    /// later call returns the same error. Answer with [`Session::alert`] as
    /// [`SessionError::alert`] says.
    pub fn receive<P>(
        &mut self,
        mut payload: P,
        gather: &mut impl FnMut() -> Option<G>,
    ) -> Result<Received<P, G>, SessionError>
    where
        P: DerefMut<Target = [u8]>,
    {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut taken = Taken { gathered: None, in_place: 0..0, records: 0 };
        let mut input = Input { data: &mut payload, at: 0 };
        while self.read == Direction::Open && !input.rest().is_empty() {
            if let Err(error) = self.take_record(&mut input, gather, &mut taken) {
                self.failed = Some(error);
                self.assembly = Assembly::IDLE;
                return Err(error);
            }
        }
        Ok(Received {
            gathered: taken.gathered,
            in_place: (!taken.in_place.is_empty()).then_some((payload, taken.in_place)),
            records: taken.records,
            closed: self.read == Direction::Closed,
            reply: self.control_pending(),
        })
    }

    /// Turns `payload`, a range of `buffer`, into a record where it lies, with its header before
    /// and its tag behind; returns the range of the record.
    ///
    /// `payload` is at most [`PLAINTEXT_MAX`](crate::PLAINTEXT_MAX) bytes, with
    /// [`HEADER_ROOM`](crate::HEADER_ROOM) before it and [`TAG_ROOM`](crate::TAG_ROOM) behind.
    ///
    /// # Errors
    /// [`SealError::ControlFirst`] when a control record is due, which may be so without a payload
    /// having been received: a key near its limit is updated.
    pub fn seal(
        &mut self,
        buffer: &mut [u8],
        payload: Range<usize>,
    ) -> Result<Range<usize>, SealError> {
        if self.write == Direction::Closed || self.failed.is_some() {
            return Err(SealError::Closed);
        }
        if self.tx.records_left() <= CONTROL_RESERVE {
            match self.version {
                Version::Tls13 => self.pending.key_update(KeyUpdateRequest::NotRequested),
                Version::Tls12 => return Err(SealError::KeyExhausted),
            }
        }
        if self.control_pending() {
            return Err(SealError::ControlFirst);
        }
        self.tx.seal(ContentType::APPLICATION_DATA, buffer, payload)
    }

    /// A control record waits to be sealed and sent before more data.
    #[must_use]
    pub fn control_pending(&self) -> bool {
        self.write == Direction::Open && self.pending.is_any()
    }

    /// Appends the control records that are due to `out`, which goes out before more data.
    ///
    /// # Errors
    /// When the key is exhausted or the library refuses; nothing was appended then.
    pub fn seal_control(&mut self, out: &mut Vec<u8>) -> Result<(), SealError> {
        if self.write == Direction::Closed {
            return Ok(());
        }
        if self.pending.no_renegotiation {
            self.seal_message(ContentType::ALERT, &Alert::NoRenegotiation.message(), out)?;
            self.pending.no_renegotiation = false;
        }
        if let Some(request) = self.pending.key_update {
            self.seal_message(ContentType::HANDSHAKE, &request.message(), out)?;
            self.pending.key_update = None;
            self.tx.update().map_err(|CryptoFailure| SealError::Crypto)?;
        }
        Ok(())
    }

    /// Appends a close_notify to `out`: the last record of our direction. The peer's stays open.
    ///
    /// RFC 5246 §7.2.1 would have both directions of TLS 1.2 closed at once; peers that half-close
    /// expect what RFC 8446 §6.1 says, so that both versions do that.
    ///
    /// # Errors
    /// When our direction is closed already, or the record could not be sealed.
    pub fn close_notify(&mut self, out: &mut Vec<u8>) -> Result<(), SealError> {
        self.alert(Alert::CloseNotify, out)
    }

    /// Appends a sealed `alert` to `out` and closes our direction.
    ///
    /// # Errors
    /// When our direction is closed already, or the record could not be sealed.
    pub fn alert(&mut self, alert: Alert, out: &mut Vec<u8>) -> Result<(), SealError> {
        if self.write == Direction::Closed {
            return Err(SealError::Closed);
        }
        let sealed = self.seal_message(ContentType::ALERT, &alert.message(), out);
        self.write = Direction::Closed;
        sealed
    }

    /// Updates our keys, and the peer's if `request` says so, with the next
    /// [`Session::seal_control`]. In TLS 1.2 nothing happens: it can't.
    pub fn update_keys(&mut self, request: KeyUpdateRequest) {
        if self.version == Version::Tls13 {
            self.pending.key_update(request);
        }
    }

    /// Forgives the peer what its caps on KeyUpdates, warnings, tiny records and so on counted.
    ///
    /// The caps are made against floods. Call this from a slow timer, about once a minute, and
    /// a connection of weeks that now and then uses one up is not taken for one.
    pub fn refill_allowance(&mut self) {
        self.allowance.refill();
    }

    /// The version spoken.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Our side.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The peer has sent close_notify.
    #[must_use]
    pub fn read_closed(&self) -> bool {
        self.read == Direction::Closed
    }

    /// We have sent close_notify or a fatal alert.
    #[must_use]
    pub fn write_closed(&self) -> bool {
        self.write == Direction::Closed
    }

    /// A part of a record is held: an end of the stream now cuts it off.
    #[must_use]
    pub const fn mid_record(&self) -> bool {
        !self.assembly.is_idle()
    }

    /// How many bytes the record under way still takes into the buffer that it has; 0 if it has none.
    /// A payload that is no longer doesn't call for another buffer.
    #[must_use]
    pub const fn body_left(&self) -> usize {
        self.assembly.body_left()
    }

    /// Sequence numbers of the next records.
    #[must_use]
    pub const fn sequences(&self) -> Sequences {
        Sequences { tx: self.tx.sequence(), rx: self.rx.sequence() }
    }

    /// Bytes that a record adds to its payload.
    #[must_use]
    pub const fn record_overhead(&self) -> usize {
        self.tx.prefix_len().saturating_add(self.tx.suffix_len())
    }

    /// Bytes of the heap that belong to this session, as far as it can count them; its own size
    /// and the buffer of a record under way are not in it.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let tickets = self.tickets.as_deref().map_or(0, size_of_val);
        self.messages.held_bytes().saturating_add(tickets)
    }

    /// Gives the parts back, if nothing is under way: no part of a record or message held, no
    /// control record due, no error.
    pub(crate) fn into_parts(self) -> Result<SessionParts, Box<Self>> {
        let idle = self.assembly.is_idle()
            && !self.messages.is_partial()
            && !self.pending.is_any()
            && self.failed.is_none();
        if !idle {
            return Err(Box::new(self));
        }
        let Self { version, role, tx, rx, read, write, tickets, .. } = self;
        Ok(SessionParts { version, role, tx, rx, read, write, tickets })
    }

    /// Goes on with the record under way; one record at most is opened.
    fn take_record(
        &mut self,
        input: &mut Input<'_>,
        gather: &mut impl FnMut() -> Option<G>,
        taken: &mut Taken<G>,
    ) -> Result<(), SessionError> {
        let mut partial = match std::mem::replace(&mut self.assembly, Assembly::IDLE) {
            Assembly::Body(body) => return self.take_body(body, input, taken),
            Assembly::Header(partial) => partial,
        };
        let (read, header) = partial.fill(input.rest());
        input.at = input.at.saturating_add(read);
        let Some(header) = header else {
            self.assembly = Assembly::Header(partial);
            return Ok(());
        };
        self.check_header(header)?;

        let body_end = input.at.saturating_add(header.body_len());
        let Some(body) = input.data.get_mut(input.at..body_end) else {
            if input.rest().is_empty() {
                // A header alone is no reason to take a buffer.
                self.assembly = Assembly::Header(partial);
                return Ok(());
            }
            let buffer = gather().ok_or(crate::error::ResourceError::NoRecordBuffer)?;
            let explicit_nonce_len = self.rx.prefix_len().saturating_sub(RecordHeader::LEN);
            let body = PartialBody::new(header, buffer, explicit_nonce_len)?;
            return self.take_body(body, input, taken);
        };
        let (content_type, plain) = self.rx.open(header, body)?;
        taken.records = taken.records.saturating_add(1);
        let message = body.get(plain.clone()).unwrap_or_default();
        if self.on_record(content_type, message)? == Carried::Data {
            let start = input.at.saturating_add(plain.start);
            taken.append(input.data, start..start.saturating_add(plain.len()));
        }
        input.at = body_end;
        Ok(())
    }

    fn take_body(
        &mut self,
        mut body: PartialBody<G>,
        input: &mut Input<'_>,
        taken: &mut Taken<G>,
    ) -> Result<(), SessionError> {
        let read = body.fill(input.rest());
        input.at = input.at.saturating_add(read);
        if !body.is_complete() {
            self.assembly = Assembly::Body(body);
            return Ok(());
        }
        let (header, mut buffer, range) = body.into_parts();
        let body = buffer.get_mut(range.clone()).ok_or(SessionError::Internal)?;
        let (content_type, plain) = self.rx.open(header, body)?;
        taken.records = taken.records.saturating_add(1);
        let message = body.get(plain.clone()).unwrap_or_default();
        if self.on_record(content_type, message)? == Carried::Data && !plain.is_empty() {
            let start = range.start.saturating_add(plain.start);
            taken.gathered = Some((buffer, start..start.saturating_add(plain.len())));
        }
        Ok(())
    }

    /// Refuses by its header what would only waste a buffer and an opening.
    fn check_header(&self, header: RecordHeader) -> Result<(), PeerError> {
        match self.version {
            // RFC 8446 §5.2: everything is application data outside; the version is ignored.
            Version::Tls13 if header.content_type != ContentType::APPLICATION_DATA => {
                return Err(PeerError::UnexpectedRecord);
            }
            Version::Tls12 if header.version != VERSION_TLS12 => {
                return Err(PeerError::WrongVersion);
            }
            Version::Tls12 if !header.content_type.is_known() => {
                return Err(PeerError::UnexpectedRecord);
            }
            Version::Tls12 | Version::Tls13 => {}
        }
        if header.body_len() > self.rx.body_max() {
            return Err(PeerError::RecordOverflow);
        }
        Ok(())
    }

    /// Acts on an opened record, unless it is the application's.
    fn on_record(
        &mut self,
        content_type: ContentType,
        message: &[u8],
    ) -> Result<Carried, SessionError> {
        // RFC 8446 §5.1: the parts of a handshake message follow one another.
        if self.messages.is_partial() && content_type != ContentType::HANDSHAKE {
            return Err(PeerError::InterleavedMessage.into());
        }
        match content_type {
            ContentType::APPLICATION_DATA => {
                self.allowance.application_data(message.len())?;
                return Ok(Carried::Data);
            }
            ContentType::ALERT => self.on_alert(message)?,
            ContentType::HANDSHAKE => self.on_handshake(message)?,
            _ => return Err(PeerError::UnexpectedRecord.into()),
        }
        Ok(Carried::Control)
    }

    fn on_alert(&mut self, message: &[u8]) -> Result<(), PeerError> {
        let [level, code] = *message else { return Err(PeerError::Malformed) };
        let alert = Alert::from_wire(code);
        match (self.version, level, alert) {
            (_, _, Alert::CloseNotify) => {
                self.read = Direction::Closed;
                Ok(())
            }
            // RFC 8446 §6: whatever the level, only these two are no errors.
            (Version::Tls13, _, Alert::UserCanceled) | (Version::Tls12, LEVEL_WARNING, _) => {
                self.allowance.warning()
            }
            (Version::Tls13, _, _) | (Version::Tls12, LEVEL_FATAL, _) => {
                Err(PeerError::AlertReceived(alert))
            }
            (Version::Tls12, _, _) => Err(PeerError::IllegalParameter),
        }
    }

    fn on_handshake(&mut self, mut message: &[u8]) -> Result<(), SessionError> {
        // RFC 8446 §5.1: an empty fragment of a handshake message is not sent.
        if message.is_empty() {
            return Err(PeerError::UnexpectedRecord.into());
        }
        while !message.is_empty() {
            match self.messages.next(&mut message)? {
                None => {}
                Some(PostHandshake::KeyUpdate(request)) => {
                    // RFC 8446 §5.1: a change of keys falls on the end of a record.
                    if !message.is_empty() {
                        return Err(PeerError::MessageAcrossKeys.into());
                    }
                    self.on_key_update(request)?;
                }
                Some(PostHandshake::Ticket(body)) => self.on_ticket(&body)?,
                Some(PostHandshake::Renegotiation) => {
                    self.allowance.renegotiation()?;
                    self.pending.no_renegotiation = true;
                }
            }
        }
        Ok(())
    }

    fn on_key_update(&mut self, request: KeyUpdateRequest) -> Result<(), SessionError> {
        self.allowance.key_update()?;
        self.rx.update().map_err(|CryptoFailure| SessionError::Internal)?;
        if request == KeyUpdateRequest::Requested {
            self.pending.key_update(KeyUpdateRequest::NotRequested);
        }
        Ok(())
    }

    fn on_ticket(&mut self, body: &[u8]) -> Result<(), PeerError> {
        if !self.allowance.ticket() {
            return Ok(());
        }
        match &mut self.tickets {
            Some(store) => store.handle_new_session_ticket(body).map_err(|_| PeerError::Malformed),
            None => Ok(()),
        }
    }

    /// Appends a record with `message` to `out`; what was there stays as it is.
    fn seal_message(
        &mut self,
        content_type: ContentType,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let base = out.len();
        let start = base.saturating_add(self.tx.prefix_len());
        let end = start.saturating_add(message.len());
        out.resize(start, 0);
        out.extend_from_slice(message);
        out.resize(end.saturating_add(self.tx.suffix_len()), 0);
        let sealed = self.tx.seal(content_type, out, start..end);
        if sealed.is_err() {
            out.truncate(base);
        }
        sealed.map(|_| ())
    }

    /// For tests of the limit: as if `sequence` records had been sealed.
    #[cfg(test)]
    pub(crate) fn skip_tx_to(&mut self, sequence: u64) {
        self.tx.skip_to(sequence);
    }
}

impl<G> std::fmt::Debug for Session<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("version", &self.version)
            .field("role", &self.role)
            .field("read", &self.read)
            .field("write", &self.write)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// What a session is made of between two records.
pub(crate) struct SessionParts {
    pub(crate) version: Version,
    pub(crate) role: Role,
    pub(crate) tx: Protection,
    pub(crate) rx: Protection,
    pub(crate) read: Direction,
    pub(crate) write: Direction,
    pub(crate) tickets: Option<Box<KernelConnection<ClientConnectionData>>>,
}

/// State of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Open,
    /// Ended by close_notify, or by a fatal alert of ours.
    Closed,
}

/// Who a record was for.
#[derive(PartialEq, Eq)]
enum Carried {
    Data,
    Control,
}

/// A payload and how far it was read.
struct Input<'a> {
    data: &'a mut [u8],
    at: usize,
}

impl Input<'_> {
    fn rest(&self) -> &[u8] {
        self.data.get(self.at..).unwrap_or_default()
    }
}

/// What a payload yielded so far.
struct Taken<G> {
    gathered: Option<(G, Range<usize>)>,
    in_place: Range<usize>,
    records: usize,
}

impl<G> Taken<G> {
    /// Moves `plain` to the end of the plaintext in `data`; the first is not moved.
    fn append(&mut self, data: &mut [u8], plain: Range<usize>) {
        if plain.is_empty() {
            return;
        }
        if self.in_place.is_empty() {
            self.in_place = plain;
            return;
        }
        let end = self.in_place.end.saturating_add(plain.len());
        // Plaintext only moves forward over headers and tags: the target is never beyond it.
        if plain.end <= data.len() && end <= plain.end {
            data.copy_within(plain, self.in_place.end);
            self.in_place.end = end;
        }
    }
}

/// Records of a key that are kept for KeyUpdate, alerts and close_notify.
const CONTROL_RESERVE: u64 = 8;

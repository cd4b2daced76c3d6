//! One connection of a client, without I/O: bytes in, bytes out, and what came of it.
//!
//! TCP is somebody else's: a transport says that it is up, brings what the server sends and says when
//! the server has finished; what goes to the server is appended to a `Vec`. There is no clock either: the
//! worker says when the next piece of a slow request is due.

mod exchange;
mod failure;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use rustls::{CipherSuite, ClientConfig, NamedGroup};
use rustls_pki_types::ServerName;
use weir_tls::{
    Established, HEADER_ROOM, Handshake, PLAINTEXT_MAX, Progress, Resumption, SealError, Session,
    TAG_ROOM, Version,
};

use exchange::Exchange;
pub(crate) use exchange::{After, Ask, Expect, Then};
pub(crate) use failure::Failed;

use crate::seconds::Reason;

/// Bytes of a request that are sealed at once: the transport says when it has room for more.
const WRITE_BYTES: usize = 64 * 1024;

/// What a record is gathered in that spans several receives.
const GATHER_BYTES: usize = HEADER_ROOM + PLAINTEXT_MAX + TAG_ROOM + 256;

/// Buffers in which records are gathered: one worker's, for all its connections.
#[derive(Debug, Default)]
pub(crate) struct GatherBuffers(Vec<Vec<u8>>);

impl GatherBuffers {
    fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_else(|| vec![0; GATHER_BYTES])
    }

    fn put(&mut self, buffer: Vec<u8>) {
        self.0.push(buffer);
    }
}

/// What was agreed on in a handshake.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Negotiated {
    pub(crate) version: Version,
    pub(crate) cipher_suite: CipherSuite,
    pub(crate) group: Option<NamedGroup>,
    pub(crate) resumption: Resumption,
    pub(crate) alpn: Option<Vec<u8>>,
}

/// What a step of a connection came to.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// The handshake is done.
    pub(crate) established: Option<Negotiated>,
    /// Bytes of a body that came.
    pub(crate) received: u64,
    /// Bytes of a body that were sealed.
    pub(crate) sent: u64,
    /// Our direction has ended: a FIN belongs behind what is to be sent.
    pub(crate) finish: bool,
    /// The exchange is over and well.
    pub(crate) done: Option<Then>,
    /// The server has ended its direction, while nothing was under way.
    pub(crate) gone: bool,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stage: Stage,
    exchange: Option<Exchange>,
}

#[derive(Debug)]
enum Stage {
    Handshake(Box<Handshake>),
    Open(Box<Session<Vec<u8>>>),
    /// It has failed.
    Over,
}

impl Client {
    /// A connection to `name` that is not begun.
    pub(crate) fn new(tls: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Failed> {
        let handshake = Handshake::client(tls, name).map_err(Failed::from)?;
        Ok(Self { stage: Stage::Handshake(Box::new(handshake)), exchange: None })
    }

    /// TCP is up: the hello goes out.
    pub(crate) fn connected(&mut self, out: &mut Vec<u8>) -> Result<(), Failed> {
        let Stage::Handshake(handshake) = &mut self.stage else { return Ok(()) };
        match handshake.advance::<Vec<u8>>(&[], out) {
            Ok(Progress::NeedInput | Progress::Established(_)) => Ok(()),
            Err(error) => {
                self.stage = Stage::Over;
                Err(error.into())
            }
        }
    }

    /// Begins an exchange; its first bytes go out with the next [`Client::write`].
    pub(crate) fn start(&mut self, ask: Arc<Ask>) {
        self.exchange = Some(Exchange::new(ask));
    }

    /// Is an exchange under way that still has something to send?
    pub(crate) fn has_more(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
            && self.exchange.as_ref().is_some_and(Exchange::has_more)
    }

    /// Seals the next piece of the request: all that is left, up to what goes at once, or up to the
    /// size of a piece where the request is sent slowly.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) -> Result<Step, Failed> {
        let mut step = Step::default();
        let Self { stage: Stage::Open(session), exchange: Some(exchange) } = self else {
            return Ok(step);
        };
        let mut left = exchange.piece().unwrap_or(WRITE_BYTES);
        while left > 0 && exchange.has_more() {
            let plain = exchange.next(left.min(PLAINTEXT_MAX));
            let count = plain.len();
            seal(session, plain, out)?;
            left -= count;
            step.sent += exchange.wrote(count);
        }
        if !exchange.has_more() && exchange.half_closes() && !session.write_closed() {
            session.close_notify(out).map_err(failure::of_seal)?;
            step.finish = true;
        }
        Ok(step)
    }

    /// Takes what the server has sent. `out` gets what it is owed at once.
    pub(crate) fn receive(
        &mut self,
        bytes: &mut [u8],
        buffers: &mut GatherBuffers,
        out: &mut Vec<u8>,
    ) -> Result<Step, Failed> {
        let mut step = Step::default();
        let result = self.take(bytes, buffers, out, &mut step);
        if result.is_err() {
            self.stage = Stage::Over;
        }
        result.map(|()| step)
    }

    fn take(
        &mut self,
        bytes: &mut [u8],
        buffers: &mut GatherBuffers,
        out: &mut Vec<u8>,
        step: &mut Step,
    ) -> Result<(), Failed> {
        match &mut self.stage {
            Stage::Handshake(handshake) => match handshake.advance(bytes, out)? {
                Progress::NeedInput => Ok(()),
                Progress::Established(established) => {
                    let Established {
                        version,
                        cipher_suite,
                        group,
                        resumption,
                        alpn,
                        session,
                        mut leftover,
                        ..
                    } = *established;
                    step.established =
                        Some(Negotiated { version, cipher_suite, group, resumption, alpn });
                    self.stage = Stage::Open(Box::new(session));
                    self.records(&mut leftover, buffers, out, step)
                }
            },
            Stage::Open(_) => self.records(bytes, buffers, out, step),
            Stage::Over => Ok(()),
        }
    }

    fn records(
        &mut self,
        bytes: &mut [u8],
        buffers: &mut GatherBuffers,
        out: &mut Vec<u8>,
        step: &mut Step,
    ) -> Result<(), Failed> {
        let Self { stage: Stage::Open(session), exchange } = self else { return Ok(()) };
        let received = match session.receive(bytes, &mut || Some(buffers.take())) {
            Ok(received) => received,
            Err(error) => {
                if let Some(alert) = error.alert() {
                    // What can't be sealed can't be told.
                    let _unsealed: Result<(), SealError> = session.alert(alert, out);
                }
                return Err(failure::of_session(error));
            }
        };
        if received.reply {
            session.seal_control(out).map_err(failure::of_seal)?;
        }
        let mut taken = Ok(());
        if let Some((buffer, range)) = received.gathered {
            taken = feed(exchange, &buffer[range], step);
            buffers.put(buffer);
        }
        if let Some((bytes, range)) = received.in_place {
            taken = taken.and_then(|()| feed(exchange, &bytes[range], step));
        }
        taken?;
        if received.closed {
            self.server_ended(step)?;
        }
        Ok(())
    }

    /// The server's FIN has come.
    pub(crate) fn ended(&mut self) -> Result<Step, Failed> {
        let mut step = Step::default();
        match &self.stage {
            Stage::Handshake(_) => return Err(Reason::Closed.into()),
            Stage::Open(session) if session.mid_record() => {
                return Err(Failed::new(Reason::Closed, "in the midst of a record"));
            }
            Stage::Open(_) => self.server_ended(&mut step)?,
            Stage::Over => step.gone = true,
        }
        Ok(step)
    }

    fn server_ended(&mut self, step: &mut Step) -> Result<(), Failed> {
        match &mut self.exchange {
            Some(exchange) if step.done.is_none() => {
                step.done = Some(exchange.server_ended()?);
                self.exchange = None;
            }
            _ => step.gone = true,
        }
        Ok(())
    }

    /// Says close_notify, if there is anything to say it with.
    pub(crate) fn close(&mut self, out: &mut Vec<u8>) {
        if let Stage::Open(session) = &mut self.stage
            && !session.write_closed()
        {
            // The end of the connection says the same.
            let _unsealed: Result<(), SealError> = session.close_notify(out);
        }
    }
}

/// Gives plaintext to the exchange under way.
fn feed(exchange: &mut Option<Exchange>, plain: &[u8], step: &mut Step) -> Result<(), Failed> {
    let Some(under_way) = exchange else {
        return Err(Failed::new(Reason::Malformed, "bytes that nobody asked for"));
    };
    let then = under_way.take(plain, &mut step.received)?;
    if then.is_some() {
        step.done = then;
        *exchange = None;
    }
    Ok(())
}

/// Appends `plain` to `out` as a record.
fn seal(session: &mut Session<Vec<u8>>, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Failed> {
    let base = out.len();
    let payload = base + HEADER_ROOM..base + HEADER_ROOM + plain.len();
    out.resize(payload.start, 0);
    out.extend_from_slice(plain);
    out.resize(payload.end + TAG_ROOM, 0);
    let record = match session.seal(out, payload) {
        Ok(record) => record,
        Err(SealError::ControlFirst) => {
            out.truncate(base);
            session.seal_control(out).map_err(failure::of_seal)?;
            return seal(session, plain, out);
        }
        Err(error) => return Err(failure::of_seal(error)),
    };
    // Headers differ in length from version to version.
    let length = record.len();
    out.copy_within(record, base);
    out.truncate(base + length);
    Ok(())
}

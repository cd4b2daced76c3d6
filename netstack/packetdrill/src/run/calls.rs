//! What the application calls.

use std::net::SocketAddr;

use super::numbers::bytes_at;
use super::{Descriptor, Player, Step, Waiting, seconds};
use crate::errno::Errno;
use crate::host::{Answer, Attempt, Blocking, Call, Half, Linger, Opt, OptValue, SocketId};
use crate::script::{CallSpec, SyntaxError, Value};

/// The result of a call that doesn't wait: a number.
type Plain = Result<i64, Errno>;

impl Player {
    /// Makes a call, which lasts until `end_us` if that is given.
    pub(super) fn call(&mut self, spec: &CallSpec, line: usize, end_us: Option<i64>) -> Step {
        if spec.name == "socket" {
            return self.socket(spec, line);
        }
        let Some(&Value::Number(number)) = spec.arguments.first() else {
            return Err(SyntaxError::new(line, "the first argument is a descriptor"));
        };
        self.last_used = Some(number);
        let unknown = || SyntaxError::new(line, format!("no call has given descriptor {number}"));
        let descriptor = self.descriptors.get(&number).ok_or_else(unknown)?;
        let socket = descriptor.socket;
        let written = descriptor.written_bytes;
        let call = match spec.name.as_str() {
            "accept" => Call::Accept(socket),
            "connect" => {
                self.numbers.expect_syn();
                let remote = self.host.config().remote;
                Call::connect(socket, SocketAddr::new(remote, self.connect_port))
            }
            "read" | "recv" => Call::Read { socket, len: length(spec, line)? },
            "write" | "send" => Call::write(socket, bytes_at(written, length(spec, line)?)),
            _ => {
                let result = self.plain(spec, socket, line)?;
                if spec.name == "close" && result.is_ok() {
                    self.descriptors.remove(&number);
                }
                return check(spec, line, result);
            }
        };
        self.start(call, spec, line, end_us)
    }

    fn socket(&mut self, spec: &CallSpec, line: usize) -> Step {
        let socket = self.host.socket();
        let nonblocking = spec.arguments.iter().any(|value| has(value, "SOCK_NONBLOCK"));
        if nonblocking {
            let set = self.host.set_blocking(socket, Blocking::Fails);
            set.map_err(|error| SyntaxError::new(line, error.to_string()))?;
        }
        self.name(spec, line, socket)
    }

    /// Gives a new socket the descriptor that the script expects.
    fn name(&mut self, spec: &CallSpec, line: usize, socket: SocketId) -> Step {
        let Some(number) = spec.result.filter(|number| *number >= 0) else {
            return Err(SyntaxError::new(line, "it gave a descriptor; the script expects none"));
        };
        let descriptor = Descriptor { socket, read_bytes: 0, written_bytes: 0 };
        if self.descriptors.insert(number, descriptor).is_some() {
            return Err(SyntaxError::new(line, format!("descriptor {number} is in use")));
        }
        self.last_used = Some(number);
        Ok(())
    }

    /// Starts a call that may have to wait.
    fn start(&mut self, mut call: Call, spec: &CallSpec, line: usize, end: Option<i64>) -> Step {
        let blocking = self.host.blocking(call.socket()).unwrap_or_default();
        match (self.host.attempt(&mut call), blocking, end) {
            (Attempt::Ready(result), _, None) => self.done(&call, spec, line, result),
            (Attempt::Ready(result), _, Some(end_us)) => {
                self.in_time(end_us, line)?;
                self.done(&call, spec, line, result)
            }
            (Attempt::Wait(result), Blocking::Fails, _) => self.done(&call, spec, line, result),
            (Attempt::Wait(_), Blocking::Waits, Some(end_us)) => {
                self.waiting = Some(Waiting { call, spec: spec.clone(), line, end_us });
                Ok(())
            }
            (Attempt::Wait(_), Blocking::Waits, None) => {
                let what = "the call waits; give the time when it is done: 0.1...0.2";
                Err(SyntaxError::new(line, what))
            }
        }
    }

    /// Tries the call that waits, if there is one.
    pub(super) fn retry(&mut self) -> Step {
        let Some(mut waiting) = self.waiting.take() else { return Ok(()) };
        match self.host.attempt(&mut waiting.call) {
            Attempt::Wait(_) => {
                self.waiting = Some(waiting);
                Ok(())
            }
            Attempt::Ready(result) => {
                self.in_time(waiting.end_us, waiting.line)?;
                self.done(&waiting.call, &waiting.spec, waiting.line, result)
            }
        }
    }

    fn in_time(&self, end_us: i64, line: usize) -> Step {
        let now_us = self.now_us();
        if (now_us - end_us).abs() <= self.tolerance_us {
            return Ok(());
        }
        let (now, end) = (seconds(now_us), seconds(end_us));
        Err(SyntaxError::new(line, format!("the call was done at {now}, not at {end}")))
    }

    /// Compares what a call gave with what the script expects.
    fn done(
        &mut self,
        call: &Call,
        spec: &CallSpec,
        line: usize,
        result: Result<Answer, Errno>,
    ) -> Step {
        let socket = call.socket();
        let mut entries = self.descriptors.values_mut();
        let descriptor = entries.find(|descriptor| descriptor.socket == socket);
        let count = match result {
            Err(error) => return check(spec, line, Err(error)),
            Ok(Answer::Accepted(accepted)) => return self.name(spec, line, accepted),
            Ok(Answer::Done) => 0,
            Ok(Answer::Written(count)) => {
                if let Some(descriptor) = descriptor {
                    descriptor.written_bytes += u32::try_from(count).unwrap_or(0);
                }
                count
            }
            Ok(Answer::Read(bytes)) => {
                if let Some(descriptor) = descriptor {
                    if bytes != bytes_at(descriptor.read_bytes, bytes.len()) {
                        let what = "what was read is not what was sent there";
                        return Err(SyntaxError::new(line, what));
                    }
                    descriptor.read_bytes += u32::try_from(bytes.len()).unwrap_or(0);
                }
                bytes.len()
            }
        };
        check(spec, line, Ok(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    /// A call that doesn't wait.
    fn plain(
        &mut self,
        spec: &CallSpec,
        socket: SocketId,
        line: usize,
    ) -> Result<Plain, SyntaxError> {
        let wrong = |what: String| SyntaxError::new(line, what);
        let argument = |at: usize| spec.arguments.get(at).unwrap_or(&Value::Unsaid);
        let host = &mut self.host;
        let none = |()| 0;
        Ok(match spec.name.as_str() {
            "bind" => host.bind(socket, self.local).map(none),
            "listen" => {
                let Value::Number(backlog) = argument(1) else {
                    return Err(wrong("the backlog is a number".to_owned()));
                };
                host.listen(socket, u32::try_from(*backlog).unwrap_or(1)).map(none)
            }
            "close" => host.close(socket).map(none),
            "shutdown" => {
                let half = match argument(1) {
                    how if has(how, "SHUT_RD") => Half::Read,
                    how if has(how, "SHUT_WR") => Half::Write,
                    how if has(how, "SHUT_RDWR") => Half::Both,
                    _ => return Err(wrong("SHUT_RD, SHUT_WR or SHUT_RDWR".to_owned())),
                };
                host.shutdown(socket, half).map(none)
            }
            "fcntl" if has(argument(1), "F_GETFL") => host.blocking(socket).map(|blocking| {
                i64::from(match blocking {
                    Blocking::Waits => libc::O_RDWR,
                    Blocking::Fails => libc::O_RDWR | libc::O_NONBLOCK,
                })
            }),
            "fcntl" if has(argument(1), "F_SETFL") => {
                let nonblocking = has(argument(2), "O_NONBLOCK");
                let blocking = if nonblocking { Blocking::Fails } else { Blocking::Waits };
                host.set_blocking(socket, blocking).map(none)
            }
            "setsockopt" => {
                let option = option(argument(2)).ok_or_else(|| wrong(UNKNOWN_OPTION.to_owned()))?;
                let value = option_value(argument(3));
                let value =
                    value.ok_or_else(|| wrong("[number], or {onoff=, linger=}".to_owned()))?;
                host.set_option(socket, option, value).map(none)
            }
            "getsockopt" => {
                let option = option(argument(2)).ok_or_else(|| wrong(UNKNOWN_OPTION.to_owned()))?;
                let found = host.option(socket, option);
                let wanted = option_value(argument(3));
                if let (Ok(found), Some(wanted)) = (found, wanted)
                    && found != wanted
                {
                    return Err(wrong(format!("the option is {found:?}, not {wanted:?}")));
                }
                found.map(|_| 0)
            }
            name => return Err(wrong(format!("the call '{name}' is not among ours"))),
        })
    }
}

/// Compares a result.
fn check(spec: &CallSpec, line: usize, result: Plain) -> Step {
    let found = result.unwrap_or(-1);
    let found_errno = result.err();
    let wanted_errno = match spec.errno.as_deref() {
        None => None,
        Some(name) => {
            let unknown = || SyntaxError::new(line, format!("unknown error '{name}'"));
            Some(Errno::from_name(name).ok_or_else(unknown)?)
        }
    };
    let as_wanted = spec.result.is_none_or(|wanted| wanted == found);
    if as_wanted && (spec.result.is_none() || found_errno == wanted_errno) {
        return Ok(());
    }
    let show = |number: i64, errno: Option<Errno>| {
        errno.map_or_else(|| number.to_string(), |errno| format!("{number} {errno}"))
    };
    let wanted = spec.result.map_or_else(|| "...".to_owned(), |number| show(number, wanted_errno));
    let found = show(found, found_errno);
    Err(SyntaxError::new(line, format!("{}() gave {found}, not {wanted}", spec.name)))
}

/// What an unknown option is answered with.
const UNKNOWN_OPTION: &str = "this socket option is not among ours";

/// The third argument of `read` and `write`.
fn length(spec: &CallSpec, line: usize) -> Result<usize, SyntaxError> {
    match spec.arguments.get(2) {
        Some(Value::Number(len)) if *len >= 0 => Ok(usize::try_from(*len).unwrap_or(0)),
        _ => Err(SyntaxError::new(line, "the third argument is a length")),
    }
}

/// Whether a value has that symbol.
fn has(value: &Value, symbol: &str) -> bool {
    matches!(value, Value::Symbols(symbols) if symbols.iter().any(|other| other == symbol))
}

fn option(value: &Value) -> Option<Opt> {
    let Value::Symbols(symbols) = value else { return None };
    match symbols.first()?.as_str() {
        "SO_REUSEADDR" => Some(Opt::ReuseAddress),
        "SO_KEEPALIVE" => Some(Opt::Keepalive),
        "SO_LINGER" => Some(Opt::Linger),
        "SO_ERROR" => Some(Opt::Error),
        "SO_TYPE" => Some(Opt::Type),
        "TCP_NODELAY" => Some(Opt::NoDelay),
        "TCP_MAXSEG" => Some(Opt::MaxSegment),
        "TCP_USER_TIMEOUT" => Some(Opt::UserTimeout),
        _ => None,
    }
}

/// `[1]`, `[ECONNRESET]` or `{onoff=1, linger=0}`; `None` of anything else.
fn option_value(value: &Value) -> Option<OptValue> {
    match value {
        Value::List(values) => match values.as_slice() {
            [Value::Number(number)] => Some(OptValue::Int(i32::try_from(*number).ok()?)),
            [Value::Symbols(names)] => Some(OptValue::Int(Errno::from_name(names.first()?)?.0)),
            _ => None,
        },
        Value::Fields(fields) => {
            let field = |wanted: &str| {
                fields.iter().find_map(|(name, value)| match value {
                    Value::Number(number) if name == wanted => Some(*number),
                    _ => None,
                })
            };
            let linger = u32::try_from(field("linger")?).ok()?;
            let on = field("onoff")? != 0;
            Some(OptValue::Linger(if on { Linger::Seconds(linger) } else { Linger::Off }))
        }
        Value::Number(_) | Value::Symbols(_) | Value::Unsaid | Value::Text(_) => None,
    }
}

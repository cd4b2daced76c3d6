//! TCP options one by one, in their order: scripts check that order too.

use std::fmt;

/// One TCP option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpOption {
    /// End of the list.
    End,
    /// Padding.
    Nop,
    /// Maximum segment size.
    Mss(u16),
    /// Window scale.
    WindowScale(u8),
    /// SACK permitted.
    SackPermitted,
    /// SACK blocks, each from its first number to the one behind its last.
    Sack(Vec<(u32, u32)>),
    /// Timestamps.
    Timestamps {
        /// TSval.
        value: u32,
        /// TSecr.
        echo: u32,
    },
    /// AccECN: its kind, 172 or 174, and the counters that are there. RFC 9768 §3.2.3.
    AccEcn {
        /// Which of the two orders.
        kind: u8,
        /// The counters in that order, 24 bits each.
        fields: Vec<u32>,
    },
    /// Bytes as they are, kind and length included: what no other variant can say.
    Raw(Vec<u8>),
}

/// The options as bytes.
#[must_use]
pub fn encode_options(options: &[TcpOption]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for option in options {
        match option {
            TcpOption::End => bytes.push(0),
            TcpOption::Nop => bytes.push(1),
            TcpOption::Mss(mss) => {
                bytes.extend_from_slice(&[2, 4]);
                bytes.extend_from_slice(&mss.to_be_bytes());
            }
            TcpOption::WindowScale(shift) => bytes.extend_from_slice(&[3, 3, *shift]),
            TcpOption::SackPermitted => bytes.extend_from_slice(&[4, 2]),
            TcpOption::Sack(blocks) => {
                bytes.push(5);
                bytes.push(u8::try_from(2 + 8 * blocks.len()).unwrap_or(u8::MAX));
                for (left, right) in blocks {
                    bytes.extend_from_slice(&left.to_be_bytes());
                    bytes.extend_from_slice(&right.to_be_bytes());
                }
            }
            TcpOption::Timestamps { value, echo } => {
                bytes.extend_from_slice(&[8, 10]);
                bytes.extend_from_slice(&value.to_be_bytes());
                bytes.extend_from_slice(&echo.to_be_bytes());
            }
            TcpOption::AccEcn { kind, fields } => {
                bytes.push(*kind);
                bytes.push(u8::try_from(2 + 3 * fields.len()).unwrap_or(u8::MAX));
                fields.iter().for_each(|field| bytes.extend_from_slice(&field.to_be_bytes()[1..]));
            }
            TcpOption::Raw(raw) => bytes.extend_from_slice(raw),
        }
    }
    bytes
}

/// The options that `bytes` hold. What is not understood comes as [`TcpOption::Raw`].
#[must_use]
pub fn decode_options(bytes: &[u8]) -> Vec<TcpOption> {
    let mut options = Vec::new();
    let mut rest = bytes;
    while let [kind, behind @ ..] = rest {
        let len = match kind {
            0 | 1 => 1,
            _ => behind.first().copied().map_or(rest.len(), usize::from),
        };
        let len = if len == 0 { rest.len() } else { len.min(rest.len()) };
        let (option, behind) = rest.split_at(len);
        options.push(decode_one(option));
        rest = behind;
    }
    options
}

fn decode_one(option: &[u8]) -> TcpOption {
    let word = |at: usize| {
        u32::from_be_bytes([option[at], option[at + 1], option[at + 2], option[at + 3]])
    };
    match *option {
        [0] => TcpOption::End,
        [1] => TcpOption::Nop,
        [2, 4, high, low] => TcpOption::Mss(u16::from_be_bytes([high, low])),
        [3, 3, shift] => TcpOption::WindowScale(shift),
        [4, 2] => TcpOption::SackPermitted,
        [5, len, ..] if usize::from(len) == option.len() && len % 8 == 2 => {
            let blocks = (2..option.len()).step_by(8).map(|at| (word(at), word(at + 4)));
            TcpOption::Sack(blocks.collect())
        }
        [8, 10, ..] if option.len() == 10 => {
            TcpOption::Timestamps { value: word(2), echo: word(6) }
        }
        [kind @ (172 | 174), 2 | 5 | 8 | 11, ref body @ ..]
            if usize::from(option[1]) == option.len() =>
        {
            let field = |octets: &[u8]| u32::from_be_bytes([0, octets[0], octets[1], octets[2]]);
            TcpOption::AccEcn { kind, fields: body.chunks(3).map(field).collect() }
        }
        _ => TcpOption::Raw(option.to_vec()),
    }
}

impl fmt::Display for TcpOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("eol"),
            Self::Nop => f.write_str("nop"),
            Self::Mss(mss) => write!(f, "mss {mss}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackPermitted => f.write_str("sackOK"),
            Self::Sack(blocks) => {
                f.write_str("sack")?;
                blocks.iter().try_for_each(|(left, right)| write!(f, " {left}:{right}"))
            }
            Self::Timestamps { value, echo } => write!(f, "TS val {value} ecr {echo}"),
            Self::AccEcn { kind, fields } => {
                f.write_str("ECN")?;
                let names =
                    if *kind == 174 { ["e1b", "ceb", "e0b"] } else { ["e0b", "ceb", "e1b"] };
                let mut fields = names.iter().zip(fields);
                fields.try_for_each(|(name, field)| write!(f, " {name} {field}"))
            }
            Self::Raw(raw) => {
                f.write_str("raw 0x")?;
                raw.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

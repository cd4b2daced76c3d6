//! Segments and ICMP errors: `P. 1:1001(1000) ack 1 win 256 <nop,nop,TS val 1 ecr 2>`.

use super::lexer::Word;
use super::parser::Words;
use super::{Action, EcnSpec, IcmpKind, IcmpSpec, OptionsSpec, PacketSpec, SeqSpec, SyntaxError};
use crate::packet::{Ecn, Flags, TcpOption, encode_options};

impl Words {
    /// What arrives, behind its `<`.
    pub(super) fn inbound(&mut self) -> Result<Action, SyntaxError> {
        if self.take_name("icmp") {
            return self.icmp().map(Action::Icmp);
        }
        self.packet().map(Action::In)
    }

    /// A segment, behind its `<` or `>`.
    pub(super) fn packet(&mut self) -> Result<PacketSpec, SyntaxError> {
        let line = self.line();
        let ecn = self.ecn()?;
        let flags = self.flags()?;
        let range = self.range(flags)?;
        let ack = if self.take_name("ack") { Some(self.number("acknowledgment")?) } else { None };
        if ack.is_some() != flags.contains(Flags::ACK) {
            return Err(SyntaxError::new(line, "'ack' goes with the flag '.', and only with it"));
        }
        let window = if self.take_name("win") { Some(self.number("window")?) } else { None };
        let urgent =
            if self.take_name("urg") { Some(self.number("urgent pointer")?) } else { None };
        let options = self.options()?;
        Ok(PacketSpec { ecn, flags, range, ack, window, urgent, options })
    }

    /// `[ect0]` and its like.
    fn ecn(&mut self) -> Result<EcnSpec, SyntaxError> {
        if !self.take_sign('[') {
            return Ok(EcnSpec::Unsaid);
        }
        let line = self.line();
        let name = self.name()?;
        self.sign(']')?;
        Ok(match name.as_str() {
            "noecn" => EcnSpec::Is(Ecn::NotEct),
            "ect0" => EcnSpec::Is(Ecn::Ect0),
            "ect1" => EcnSpec::Is(Ecn::Ect1),
            "ce" => EcnSpec::Is(Ecn::Ce),
            "ect01" => EcnSpec::AnyEct,
            _ => {
                let what = format!("'{name}' is none of noecn, ect0, ect1, ect01, ce");
                return Err(SyntaxError::new(line, what));
            }
        })
    }

    /// `S.`, `P.`, `-`: letters and points without a space between them.
    fn flags(&mut self) -> Result<Flags, SyntaxError> {
        if self.take_sign('-') {
            return Ok(Flags::default());
        }
        let mut flags: Option<Flags> = None;
        while flags.is_none() || self.is_joined() {
            let letters = match self.peek() {
                Some(Word::Name(letters)) => letters.clone(),
                Some(Word::Sign('.')) => ".".to_owned(),
                _ => break,
            };
            for letter in letters.chars() {
                let flag = Flags::of_letter(letter).ok_or_else(|| self.expected("TCP flags"))?;
                flags = Some(flags.unwrap_or_default().with(flag));
            }
            self.skip();
        }
        flags.ok_or_else(|| self.expected("TCP flags"))
    }

    /// `start:end(length)`, the three in accord.
    fn range(&mut self, flags: Flags) -> Result<SeqSpec, SyntaxError> {
        let line = self.line();
        let start: u32 = self.number("sequence number")?;
        self.sign(':')?;
        let end: u32 = self.number("sequence number")?;
        self.sign('(')?;
        let payload_len: u16 = self.number("length")?;
        self.sign(')')?;
        // Like packetdrill: SYN and FIN do not count in the range.
        if start.wrapping_add(payload_len.into()) != end {
            let what =
                format!("{start}:{end} is not {payload_len} long (flags {flags} don't count)");
            return Err(SyntaxError::new(line, what));
        }
        Ok(SeqSpec { start, payload_len })
    }

    /// `<mss 1460,nop,wscale 7>`.
    fn options(&mut self) -> Result<OptionsSpec, SyntaxError> {
        // The next event may be without a time only in a broken script: '<' belongs here.
        if !self.take_sign('<') {
            return Ok(OptionsSpec::Are(Vec::new()));
        }
        let line = self.line();
        if self.peek() == Some(&Word::Ellipsis) {
            self.skip();
            self.sign('>')?;
            return Ok(OptionsSpec::Any);
        }
        let mut options = vec![self.option()?];
        while self.take_sign(',') {
            options.push(self.option()?);
        }
        self.sign('>')?;
        let len = encode_options(&options).len();
        if !len.is_multiple_of(4) || len > 40 {
            let what = format!("the options are {len} bytes: not a multiple of 4, at most 40");
            return Err(SyntaxError::new(line, what));
        }
        Ok(OptionsSpec::Are(options))
    }

    fn option(&mut self) -> Result<TcpOption, SyntaxError> {
        let line = self.line();
        let name = self.name()?;
        Ok(match name.as_str() {
            "eol" => TcpOption::End,
            "nop" => TcpOption::Nop,
            "mss" => TcpOption::Mss(self.number("segment size")?),
            "wscale" => TcpOption::WindowScale(self.number("window scale")?),
            "sackOK" => TcpOption::SackPermitted,
            "sack" => {
                let mut blocks = Vec::new();
                while let Some(Word::Int(_)) = self.peek() {
                    let left = self.number("sequence number")?;
                    self.sign(':')?;
                    blocks.push((left, self.number("sequence number")?));
                }
                TcpOption::Sack(blocks)
            }
            "TS" => {
                if !self.take_name("val") {
                    return Err(self.expected("'val'"));
                }
                let value = self.number("timestamp")?;
                if !self.take_name("ecr") {
                    return Err(self.expected("'ecr'"));
                }
                TcpOption::Timestamps { value, echo: self.number("timestamp")? }
            }
            "ECN" => {
                let kind =
                    if self.peek() == Some(&Word::Name("e1b".to_owned())) { 174 } else { 172 };
                let order = if kind == 174 { ["e1b", "ceb", "e0b"] } else { ["e0b", "ceb", "e1b"] };
                let mut fields = Vec::new();
                for name in order {
                    if !self.take_name(name) {
                        break;
                    }
                    fields.push(self.number("bytes")?);
                }
                TcpOption::AccEcn { kind, fields }
            }
            "raw" => self.raw()?,
            _ => return Err(SyntaxError::new(line, format!("unknown TCP option '{name}'"))),
        })
    }

    /// `raw 0x..` with up to 7 bytes, kind and length included: ours, packetdrill has no such
    /// option. Zeros at its start count.
    fn raw(&mut self) -> Result<TcpOption, SyntaxError> {
        let Some(Word::Text(text)) = self.peek().cloned() else {
            return Err(self.expected("bytes as a text: raw \"fd04abcd\""));
        };
        let pairs = text.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let bytes = bytes.filter(|_| text.len().is_multiple_of(2));
        let bytes = bytes.ok_or_else(|| self.expected("pairs of hexadecimal digits"))?;
        self.skip();
        Ok(TcpOption::Raw(bytes))
    }

    /// An ICMP error, behind `icmp`.
    fn icmp(&mut self) -> Result<IcmpSpec, SyntaxError> {
        let line = self.line();
        let kind = self.name()?;
        let code = match self.peek() {
            Some(Word::Name(name)) if name != "mtu" => Some(self.name()?),
            _ => None,
        };
        let mtu = if self.take_name("mtu") { self.number("MTU")? } else { 0 };
        let kind = match (kind.as_str(), code.as_deref()) {
            ("unreachable", Some("frag_needed")) | ("packet_too_big", None) => {
                IcmpKind::PacketTooBig
            }
            ("unreachable", Some("host_unreachable")) => IcmpKind::HostUnreachable,
            ("unreachable", Some("net_unreachable")) => IcmpKind::NetUnreachable,
            ("unreachable", Some("port_unreachable")) => IcmpKind::PortUnreachable,
            ("unreachable", Some("protocol_unreachable")) => IcmpKind::ProtocolUnreachable,
            ("time_exceeded", _) => IcmpKind::TimeExceeded,
            _ => return Err(SyntaxError::new(line, "an ICMP error that is not among ours")),
        };
        self.sign('[')?;
        let quoted = self.range(Flags::default())?;
        self.sign(']')?;
        Ok(IcmpSpec { kind, mtu, quoted })
    }
}

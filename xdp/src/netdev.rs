//! What a driver can do for XDP, asked of the kernel's generic netlink family `netdev`.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

/// The NETDEV_XDP_ACT bits of an interface.
///
/// # Errors
/// `NotFound` if the kernel has no such family; others as it says.
pub(crate) fn xdp_features(interface: u32) -> io::Result<u64> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::GENERIC),
    )?;
    let family = Request {
        message_type: GENL_ID_CTRL,
        command: CTRL_CMD_GETFAMILY,
        attribute: CTRL_ATTR_FAMILY_NAME,
        value: b"netdev\0",
    };
    let family = ask(&socket, &family, CTRL_ATTR_FAMILY_ID)?;
    let message_type = family.first_chunk().copied().map(u16::from_ne_bytes).ok_or_else(bad)?;
    let device = Request {
        message_type,
        command: NETDEV_CMD_DEV_GET,
        attribute: NETDEV_A_DEV_IFINDEX,
        value: &interface.to_ne_bytes(),
    };
    let features = ask(&socket, &device, NETDEV_A_DEV_XDP_FEATURES)?;
    features.first_chunk().copied().map(u64::from_ne_bytes).ok_or_else(bad)
}

/// A generic netlink request with one attribute.
struct Request<'a> {
    message_type: u16,
    command: u8,
    attribute: u16,
    value: &'a [u8],
}

impl Request<'_> {
    fn bytes(&self) -> io::Result<Vec<u8>> {
        let attribute_len = ATTRIBUTE_HEADER_BYTES + self.value.len();
        let len = NETLINK_HEADER_BYTES + GENERIC_HEADER_BYTES + attribute_len.next_multiple_of(4);
        let mut bytes = Vec::with_capacity(len);
        bytes.extend(u32::try_from(len).map_err(|_| bad())?.to_ne_bytes());
        bytes.extend(self.message_type.to_ne_bytes());
        bytes.extend(NLM_F_REQUEST.to_ne_bytes());
        // Sequence number and port: there is one request under way, and the kernel fills in ours.
        bytes.extend([0; 8]);
        bytes.extend([self.command, 1, 0, 0]);
        bytes.extend(u16::try_from(attribute_len).map_err(|_| bad())?.to_ne_bytes());
        bytes.extend(self.attribute.to_ne_bytes());
        bytes.extend(self.value);
        bytes.resize(len, 0);
        Ok(bytes)
    }
}

/// Sends a request; the value of attribute `wanted` in the answer.
fn ask(socket: &OwnedFd, request: &Request<'_>, wanted: u16) -> io::Result<Vec<u8>> {
    send(socket, &request.bytes()?, SendFlags::empty())?;
    let mut buffer = [0; ANSWER_BYTES_MAX];
    let (len, _) = recv(socket, &mut buffer, RecvFlags::empty())?;
    let answer = buffer.get(..len).ok_or_else(bad)?;
    let message_type = answer.get(4..).and_then(<[u8]>::first_chunk).copied().ok_or_else(bad)?;
    let body = answer.get(NETLINK_HEADER_BYTES..).ok_or_else(bad)?;
    if u16::from_ne_bytes(message_type) == NLMSG_ERROR {
        let code = body.first_chunk().copied().map(i32::from_ne_bytes).ok_or_else(bad)?;
        return Err(io::Error::from_raw_os_error(code.wrapping_neg()));
    }
    let attributes = body.get(GENERIC_HEADER_BYTES..).ok_or_else(bad)?;
    attribute(attributes, wanted).map(<[u8]>::to_vec).ok_or_else(bad)
}

/// The value of the attribute `wanted`.
pub(crate) fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let len = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
        let kind = u16::from_ne_bytes(*bytes.get(2..)?.first_chunk()?);
        let value = bytes.get(ATTRIBUTE_HEADER_BYTES..len)?;
        if kind & NLA_TYPE_MASK == wanted {
            return Some(value);
        }
        bytes = bytes.get(len.next_multiple_of(4)..)?;
    }
}

fn bad() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// Answers have a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 16384;
const NETLINK_HEADER_BYTES: usize = 16;
const GENERIC_HEADER_BYTES: usize = 4;
const ATTRIBUTE_HEADER_BYTES: usize = 4;
/// Without the flags for nested attributes and byte order.
const NLA_TYPE_MASK: u16 = 0x3fff;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;

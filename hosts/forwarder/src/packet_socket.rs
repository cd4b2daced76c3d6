//! Whole frames of a device: an AF_PACKET socket.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use hosts::Host;
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use smoltcp::phy::{Medium, RawSocket};

use crate::ForwarderError;

/// What may wait to be read: some 10,000 full frames. Beyond it the kernel drops.
const RECEIVE_BUFFER_BYTES: usize = 32 << 20;
/// The longest frame: no device of [`Path`](crate::Path) has an MTU near it.
const FRAME_BYTES_MAX: usize = 65_536;
/// An Ethernet header, and at least one octet behind it.
const FRAME_BYTES_MIN: usize = 15;

/// A socket that receives every frame of a device, and sends frames as they are.
#[derive(Debug)]
pub struct PacketSocket {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl PacketSocket {
    /// Opens `device` of `host`. The device should have no offloads
    /// ([`Offloads::Wire`](hosts::Offloads::Wire)): else frames are longer than its MTU and their
    /// checksums are not whole.
    ///
    /// # Errors
    /// There is no such device, or this process may not open it.
    pub fn open(host: &Host, device: &str) -> Result<Self, ForwarderError> {
        let opened = host.enter(|| open(device))?;
        let failed = |source| ForwarderError::Open {
            device: device.to_owned(),
            host: host.name().to_owned(),
            source,
        };
        let socket = opened.map_err(failed)?;
        let mut socket = Self { socket, buffer: vec![0; FRAME_BYTES_MAX] };
        // Before it was bound it received from every device.
        while socket.receive().map_err(failed)?.is_some() {}
        Ok(socket)
    }

    /// The next frame that the device received, if there is one.
    ///
    /// # Errors
    /// The kernel refuses, because the device is gone for example.
    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            match recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::DONTWAIT) {
                Ok((_, len)) if len < FRAME_BYTES_MIN => {}
                Ok((_, len)) => return Ok(self.buffer.get(..len).map(<[u8]>::to_vec)),
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends a frame: whether the device took it. It has no room, or is down, where not.
    ///
    /// # Errors
    /// The kernel refuses, because the device is gone or its MTU is smaller.
    pub fn send(&self, frame: &[u8]) -> io::Result<bool> {
        loop {
            match send(&self.socket, frame, SendFlags::DONTWAIT) {
                Ok(_) => return Ok(true),
                Err(Errno::AGAIN | Errno::NOBUFS) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Opens `device` in the namespace of this thread.
fn open(device: &str) -> io::Result<OwnedFd> {
    let socket = RawSocket::new(device, Medium::Ethernet)?;
    // smoltcp knows how to bind such a socket, but keeps it to its thread; a duplicate is free.
    let this_process = pidfd_open(getpid(), PidfdFlags::empty())?;
    let socket = pidfd_getfd(this_process, socket.as_raw_fd(), PidfdGetfdFlags::empty())?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER_BYTES)?;
    Ok(socket)
}

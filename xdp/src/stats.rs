//! The kernel's own counters of a socket.

use std::io;
use std::os::fd::BorrowedFd;

/// What the kernel counts about one AF_XDP socket (XDP_STATISTICS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketStats {
    /// Frames dropped because no chunk was free or they did not fit their chunks.
    pub rx_dropped: u64,
    /// Frames dropped since the fill ring had an address outside the UMEM.
    pub rx_invalid_descriptors: u64,
    /// TX descriptors thrown away since they were outside the UMEM.
    pub tx_invalid_descriptors: u64,
    /// Frames dropped since the RX ring was full.
    pub rx_ring_full: u64,
    /// Times that the fill ring was found empty. In copy mode each is a frame dropped, and part of
    /// `rx_dropped` as well.
    pub rx_fill_ring_empty: u64,
    /// Times the kernel looked for something to send and found nothing: not an error.
    pub tx_ring_empty: u64,
}

/// Reads the counters of `socket`.
pub(crate) fn read(socket: BorrowedFd<'_>) -> io::Result<SocketStats> {
    let stats = rustix::net::sockopt::xdp_statistics(socket)?;
    Ok(SocketStats {
        rx_dropped: stats.rx_dropped,
        rx_invalid_descriptors: stats.rx_invalid_descs,
        tx_invalid_descriptors: stats.tx_invalid_descs,
        rx_ring_full: stats.rx_ring_full.unwrap_or(0),
        rx_fill_ring_empty: stats.rx_fill_ring_empty_descs.unwrap_or(0),
        tx_ring_empty: stats.tx_ring_empty_descs.unwrap_or(0),
    })
}

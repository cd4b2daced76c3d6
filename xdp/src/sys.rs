//! Kernel constants and structs that neither libc nor rustix has.

/// Socket option, level SOL_XDP: descriptors one `sendto` moves at most in copy mode. Linux 6.17.
pub(crate) const XDP_MAX_TX_SKB_BUDGET: libc::c_int = 9;
/// What one `sendto` moves without that option.
pub(crate) const TX_BATCH_SIZE: u32 = 32;
/// Room that the kernel keeps in front of a received frame.
pub(crate) const XDP_PACKET_HEADROOM: u32 = 256;
/// More descriptors of the same packet follow.
pub(crate) const XDP_PKT_CONTD: u32 = libc::XDP_PKT_CONTD;
/// In the flags of a ring: the kernel waits for a call.
pub(crate) const XDP_RING_NEED_WAKEUP: u32 = libc::XDP_RING_NEED_WAKEUP;
/// Slices of one packet: MAX_SKB_FRAGS and the linear part.
pub(crate) const PACKET_DESCRIPTORS_MAX: usize = 18;

/// Bytes of `struct virtio_net_hdr`.
pub(crate) const VIRTIO_NET_HDR_BYTES: usize = 10;
/// In its flags: the checksum is to be filled in.
pub(crate) const VIRTIO_NET_HDR_F_NEEDS_CSUM: u8 = 1;
/// Its GSO type: one packet.
pub(crate) const VIRTIO_NET_HDR_GSO_NONE: u8 = 0;
/// Its GSO type: TCP over IPv4.
pub(crate) const VIRTIO_NET_HDR_GSO_TCPV4: u8 = 1;
/// Its GSO type: TCP over IPv6.
pub(crate) const VIRTIO_NET_HDR_GSO_TCPV6: u8 = 4;

/// `ETHTOOL_GDRVINFO`
pub(crate) const ETHTOOL_GDRVINFO: u32 = 0x03;
/// `ETHTOOL_GCHANNELS`
pub(crate) const ETHTOOL_GCHANNELS: u32 = 0x3c;

/// `struct ethtool_drvinfo`
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct EthtoolDrvinfo {
    pub(crate) cmd: u32,
    pub(crate) driver: [u8; 32],
    pub(crate) version: [u8; 32],
    pub(crate) fw_version: [u8; 32],
    pub(crate) bus_info: [u8; 32],
    pub(crate) erom_version: [u8; 32],
    pub(crate) reserved2: [u8; 12],
    pub(crate) n_priv_flags: u32,
    pub(crate) n_stats: u32,
    pub(crate) testinfo_len: u32,
    pub(crate) eedump_len: u32,
    pub(crate) regdump_len: u32,
}

/// `struct ethtool_channels`
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct EthtoolChannels {
    pub(crate) cmd: u32,
    pub(crate) max_rx: u32,
    pub(crate) max_tx: u32,
    pub(crate) max_other: u32,
    pub(crate) max_combined: u32,
    pub(crate) rx_count: u32,
    pub(crate) tx_count: u32,
    pub(crate) other_count: u32,
    pub(crate) combined_count: u32,
}

const _: () = assert!(size_of::<EthtoolDrvinfo>() == 196);
const _: () = assert!(size_of::<EthtoolChannels>() == 36);

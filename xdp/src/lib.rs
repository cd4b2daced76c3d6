//! Packet I/O over AF_XDP: UMEM, the four rings, the XDP program and its loader.

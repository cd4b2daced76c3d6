//! Packet I/O on real veth pairs, between namespaces of their own: run as root.

mod again;
mod errors;
mod facts;
mod filter;
mod frames;
mod huge_pages;
mod jumbo;
mod lifecycle;
mod link;
mod packet;
mod superframe;

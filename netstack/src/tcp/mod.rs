//! The transport: RFC 9293 and what has been added to it.

pub(crate) mod assembler;
pub(crate) mod congestion;
pub(crate) mod isn;
pub(crate) mod rtt;
pub(crate) mod segment;
pub(crate) mod seq;
pub(crate) mod state;
pub(crate) mod train;

#[cfg(test)]
mod tests;

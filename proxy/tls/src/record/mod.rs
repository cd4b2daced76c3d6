//! Records after the handshake: headers, protection of one direction, gathering.

pub(crate) mod assembly;
pub(crate) mod header;
pub(crate) mod protection;

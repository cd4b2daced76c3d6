//! Backends: pools of servers and the choice among them.

pub(crate) mod failures;
pub(crate) mod pick;
pub(crate) mod pool;
pub(crate) mod socket;
#[cfg(test)]
mod tests;

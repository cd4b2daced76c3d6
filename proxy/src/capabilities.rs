//! Root's powers, given up when they are no longer needed.

use caps::CapSet;
use tracing::warn;

/// Gives up every capability of the calling thread, for good. What was opened before keeps working:
/// sockets, maps and rings need none.
pub(crate) fn drop_all() {
    // In this order: without CAP_SETPCAP the bounding set can't be changed any more.
    for set in [CapSet::Ambient, CapSet::Bounding, CapSet::Inheritable, CapSet::Permitted] {
        if let Err(error) = caps::clear(None, set) {
            warn!(?set, %error, "capabilities not dropped");
        }
    }
}

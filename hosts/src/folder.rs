//! A place for temporary files.

use std::path::Path;

use tempfile::TempDir;

use crate::HostError;
use crate::on_exit::{self, Duty, Entry};

/// A directory in the system's place for temporary files. It goes with its owner, also when a signal
/// ends the process.
#[derive(Debug)]
pub struct Folder {
    // Fields are dropped in order: the entry must not name what is gone.
    _entry: Entry,
    directory: TempDir,
}

impl Folder {
    /// Makes an empty one, whose name begins with `prefix`.
    ///
    /// # Errors
    /// There is no place for temporary files, or it can't be written to.
    pub fn new(prefix: &str) -> Result<Self, HostError> {
        on_exit::watch_signals().map_err(|source| HostError::io("watch signals", source))?;
        let directory = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir()
            .map_err(|source| HostError::io("make a temporary directory", source))?;
        let entry = Entry::new(Duty::Directory(directory.path().to_owned()));
        Ok(Self { _entry: entry, directory })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

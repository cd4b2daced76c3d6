//! Numbers of virtual hosts and pools that outlive reloads.

use std::collections::HashMap;

/// The numbers given so far, by kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Indices {
    /// Of virtual hosts.
    pub(crate) vhosts: Numbers,
    /// Of pools.
    pub(crate) pools: Numbers,
}

/// Numbers by name, from 0, each given once for the life of the process: a metric or a table
/// that is kept by number never mixes two names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers(HashMap<String, u32>);

impl Numbers {
    /// The number of `name`, a new one if it has none yet.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.0.get(name) {
            return *number;
        }
        let number = u32::try_from(self.0.len()).expect("fewer than 2^32 sections were read");
        self.0.insert(name.to_owned(), number);
        number
    }
}

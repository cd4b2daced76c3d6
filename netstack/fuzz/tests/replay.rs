//! The corpora, replayed: what the fuzzer once found worth keeping, on any compiler.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Replays the corpus of one target, and names the file that breaks it.
fn replay(name: &str, target: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).expect("a corpus") {
        let path = entry.expect("an entry").path();
        let data = fs::read(&path).expect("a file that can be read");
        let result = catch_unwind(AssertUnwindSafe(|| target(&data)));
        assert!(result.is_ok(), "{} breaks `{name}`", path.display());
        replayed += 1;
    }
    assert!(replayed >= 10, "{replayed} files in {}", folder.display());
}

#[test]
fn frames_of_the_corpus() {
    replay("frame", netstack_fuzz::frame);
}

#[test]
fn options_of_the_corpus() {
    replay("options", netstack_fuzz::options);
}

#[test]
fn connections_of_the_corpus() {
    replay("connection", netstack_fuzz::connection);
}

#[test]
fn pairs_of_the_corpus() {
    replay("pair", netstack_fuzz::pair);
}

//! Rules for Rust sources as rustfmt leaves them: a block ends at the first line that is its own
//! indentation and a brace.

use crate::Violation;

/// A file has fewer lines than this.
pub const FILE_LINES_MAX: usize = 600;

/// A function, from the line of its name to its closing brace, has fewer lines than this.
pub const FUNCTION_LINES_MAX: usize = 70;

/// Files, or folders (with a slash behind), that may have `unsafe` code. Everything else forbids it.
const UNSAFE_HOMES: [&str; 12] = [
    "xdp/src/sys.rs",
    "xdp/src/syscall.rs",
    "xdp/src/mmap.rs",
    "xdp/src/umem.rs",
    "xdp/src/umem/",
    "xdp/src/ring.rs",
    "xdp/src/ring/",
    "xdp/src/superframe.rs",
    "proxy/io/src/",
    "netstack/packetdrill/src/adapter.rs",
    "netstack/packetdrill/src/adapter/",
    "netstack/counting-allocator/",
];

/// Words that may stand before `fn` in an item.
const QUALIFIERS: [&str; 5] = ["pub", "const", "async", "unsafe", "extern"];

/// The rules that the Rust source `text` at `path` (from the top of the repository) breaks.
#[must_use]
pub fn check(path: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() >= FILE_LINES_MAX {
        let what = format!("{} lines; split the file below {FILE_LINES_MAX}", lines.len());
        violations.push(Violation { line: lines.len(), what });
    }
    for (index, &line) in lines.iter().enumerate() {
        let mut note = |what: String| violations.push(Violation { line: index + 1, what });
        if is_function(line)
            && let Some(length) = block_length(&lines, index)
            && length >= FUNCTION_LINES_MAX
        {
            note(format!("a function of {length} lines; split it below {FUNCTION_LINES_MAX}"));
        }
        let code = code_of(line);
        if code.starts_with("#[allow(") || code.starts_with("#![allow(") {
            note("allow(..); use #[expect(.., reason = \"..\")]".to_owned());
        }
        if code.starts_with("#[ignore") {
            note("an ignored test; make it run, or remove it".to_owned());
        }
        if has_unsafe(code) && !may_be_unsafe(path) {
            note("unsafe code; it has its files, see UNSAFE_HOMES".to_owned());
        }
    }
    violations
}

/// The line without indentation and comment.
fn code_of(line: &str) -> &str {
    let line = line.trim_start();
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// Does an item or a method begin here? One that ends on the same line does not count.
fn is_function(line: &str) -> bool {
    let mut words = code_of(line).split_whitespace().skip_while(|word| {
        let word = word.split_once('(').map_or(*word, |(word, _)| word);
        QUALIFIERS.contains(&word) || word.starts_with('"')
    });
    words.next() == Some("fn") && !line.ends_with('}') && !line.ends_with(';')
}

/// Lines from `start` to the brace that closes what begins there; `None` for a declaration.
fn block_length(lines: &[&str], start: usize) -> Option<usize> {
    let indentation = &lines[start][..lines[start].len() - lines[start].trim_start().len()];
    for (count, line) in lines[start..].iter().enumerate() {
        match line.strip_prefix(indentation) {
            Some("}") => return Some(count + 1),
            Some(rest) if count > 0 && rest.starts_with(')') && rest.ends_with(';') => return None,
            _ => {}
        }
    }
    None
}

fn has_unsafe(code: &str) -> bool {
    let quoted = |at: usize| code[..at].matches('"').count() % 2 == 1;
    code.match_indices("unsafe").any(|(at, word)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].trim_start();
        let alone = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let keyword = ["{", "fn ", "impl", "extern", "trait"].iter().any(|w| after.starts_with(w));
        alone && keyword && !quoted(at)
    })
}

fn may_be_unsafe(path: &str) -> bool {
    UNSAFE_HOMES
        .iter()
        .any(|home| if home.ends_with('/') { path.starts_with(home) } else { path == *home })
}

#[cfg(test)]
mod tests;

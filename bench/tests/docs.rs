//! What `docs/bench.md` shows can be done: its scenarios are read, its commands are accepted, its options
//! exist, its pictures need nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn page() -> String {
    fs::read_to_string(folder().join("bench.md")).expect("docs/bench.md is there")
}

/// What stands in blocks of code, and what stands around them.
fn parted(page: &str) -> (Vec<(&str, &str)>, String) {
    let (mut blocks, mut text) = (Vec::new(), String::new());
    for (index, part) in page.split("```").enumerate() {
        if index % 2 == 0 {
            text.push_str(part);
        } else {
            blocks.push(part.split_once('\n').expect("a block starts with a line of its own"));
        }
    }
    (blocks, text)
}

fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let all = parted(page).0.into_iter();
    all.filter(|(of, _)| *of == language).map(|(_, block)| block).collect()
}

fn weir_bench<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir-bench"));
    command.args(arguments).output().expect("weir-bench runs")
}

/// The options that `text` names.
fn options(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| c != '-' && !c.is_ascii_alphanumeric());
    let named = |word: &&str| {
        word.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_alphabetic()))
    };
    words.filter(named).collect()
}

/// Everything in a scenario is looked at before the authority's file is opened, which is not there; so
/// nothing is loaded, and nothing but that may be said.
#[test]
fn scenarios_lack_nothing_but_their_authority() {
    let page = page();
    let scenarios = blocks(&page, "toml");
    assert!(scenarios.len() >= 2, "{scenarios:?}");
    for scenario in scenarios {
        let files = tempfile::tempdir().expect("a temporary directory");
        let path = files.path().join("scenario.toml");
        fs::write(&path, scenario).expect("writable");
        let output = weir_bench(["run", path.to_str().expect("a path of plain letters")]);
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = format!("weir-bench: {}: ", files.path().join("ca.pem").display());
        assert!(said.starts_with(&expected) && said.lines().count() == 1, "{scenario}{said}");
    }
}

/// `--help` behind the others is heeded only if they are options, with values of theirs.
#[test]
fn commands_are_accepted() {
    let page = page();
    let mut seen = 0;
    for block in blocks(&page, "sh") {
        for line in block.replace("\\\n", " ").lines() {
            let Some((_, arguments)) = line.split_once("weir-bench ") else { continue };
            let words = arguments.split_whitespace().take_while(|word| !["#", "&"].contains(word));
            let output = weir_bench(words.chain(["--help"]));
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{line}: {said}");
            seen += 1;
        }
    }
    assert!(seen > 0, "no command at all");
}

#[test]
fn options_exist() {
    let helps =
        ["run", "report", "diff", "compare"].map(|verb| weir_bench([verb, "--help"]).stdout);
    let helps = String::from_utf8(helps.concat()).expect("text");
    let page = page();
    let text = parted(&page).1;
    let (named, known) = (options(&text), options(&helps));
    assert!(!named.is_empty(), "no option at all");
    assert_eq!(named.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn pictures_need_nothing_else() {
    let page = page();
    let names: Vec<_> = page
        .split(['"', '(', ')'])
        .filter(|word| word.ends_with(".svg") && !word.contains(' '))
        .collect();
    assert!(names.len() >= 2, "{names:?}");
    for name in names {
        let picture = fs::read_to_string(folder().join(name)).expect(name);
        let elsewhere = ["href", "<script", "url(", "@import"];
        assert!(!elsewhere.iter().any(|it| picture.contains(it)), "{name}");
        assert!(picture.contains("<rect x="), "{name} has no paper");
    }
}

use std::path::Path;
use std::time::Duration;

use super::super::{Mode, TransportKind};
use super::parse;
use crate::schedule::{Pace, Spacing};

const RIGHT: &str = r#"
target = "https://one.example/"
connect = "192.0.2.1:443"
connections = "10k"
timeout = "5s"
spacing = "poisson"
seed = 7
transport = "xdp"
interface = "eth0"
source = ["192.0.2.64/26", "192.0.2.200"]

[tls]
ca = "ca.pem"
names = ["a.example", "b.example"]
zipf = 1.1
resume = 0.5
alpn = "http/1.1"
versions = ["1.3"]

[[phase]]
name = "up"
shape = "ramp"
duration = "10s"
from = "0/s"
to = "1k/s"
measured = false

[[phase]]
duration = "1m"
rate = 1000

[[phase]]
shape = "step"
duration = "9s"
from = 100
to = "300/s"
steps = 3

[[phase]]
shape = "spike"
duration = "10s"
rate = 10
peak = "5k/s"
width = "2s"

[[phase]]
duration = "5s"

[[step]]
weight = 3
path = "/a"
headers = ["X-One: 1"]
body_size = "2KiB"
method = "POST"
status = 201
length = 5

[[step]]
name = "slow"
mode = "slow-read"
every = "50ms"
sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
"#;

#[test]
fn file_says_everything() {
    let draft = parse(RIGHT, "x.toml", Path::new("folder")).expect("right");
    assert_eq!(draft.url, "https://one.example/");
    assert_eq!((draft.connections, draft.seed, draft.spacing), (10_000, 7, Spacing::Poisson));
    assert_eq!((draft.timeout, draft.transport), (Duration::from_secs(5), TransportKind::Xdp));
    let xdp = draft.xdp.expect("an interface");
    assert_eq!((xdp.interface.as_str(), xdp.sources.len()), ("eth0", 63));
    assert_eq!(draft.tls.ca, Path::new("folder/ca.pem"));
    assert_eq!((draft.names.len(), draft.zipf, draft.resume), (2, 1.1, 0.5));
    let seconds = Duration::from_secs;
    let open = |from: f64, to: f64| Pace::Open { from, to };
    let phases: Vec<_> =
        draft.phases.iter().map(|it| (it.name.as_str(), it.measured, it.pieces.clone())).collect();
    assert_eq!(
        phases,
        [
            ("up", false, vec![(seconds(10), open(0.0, 1000.0))]),
            ("hold", true, vec![(seconds(60), open(1000.0, 1000.0))]),
            (
                "step",
                true,
                [100.0, 200.0, 300.0].map(|rate| (seconds(3), open(rate, rate))).to_vec()
            ),
            (
                "spike",
                true,
                vec![
                    (seconds(4), open(10.0, 10.0)),
                    (seconds(2), open(5000.0, 5000.0)),
                    (seconds(4), open(10.0, 10.0)),
                ]
            ),
            ("hold", true, vec![(seconds(5), Pace::Closed)]),
        ]
    );
    let [post, slow] = draft.steps.as_slice() else { panic!("two steps") };
    assert_eq!((post.weight, post.mode, post.method.as_str()), (3.0, Mode::Keepalive, "POST"));
    assert_eq!((post.body.len(), post.status, post.length), (2048, 201, Some(5)));
    assert_eq!((slow.name.as_str(), slow.mode), ("slow", Mode::SlowRead));
    assert_eq!(slow.sha256.map(|hash| hash[..2].to_vec()), Some(vec![0x2c, 0xf2]));
}

/// What is said about `RIGHT` with `old` replaced.
fn complaint(old: &str, new: &str) -> String {
    assert!(RIGHT.contains(old), "{old}");
    let text = RIGHT.replacen(old, new, 1);
    parse(&text, "x.toml", Path::new("")).expect_err("wrong")
}

#[test]
fn mistakes_are_told_with_their_place_and_what_was_meant() {
    let cases = [
        (
            "timeout =",
            "timeuot =",
            r#"x.toml:5:1: "timeuot" is no key of the file; did you mean "timeout"?"#,
        ),
        ("zipf =", "zip =", r#"x.toml:15:1: "zip" is no key of [tls]; did you mean "zipf"?"#),
        (
            "\"slow-read\"",
            "\"slow-raed\"",
            r#"x.toml:60:8: mode: no "slow-raed"; did you mean "slow-read"?"#,
        ),
        ("\"10k\"", "\"10kk\"", "x.toml:4:15: connections: \"10kk\" is no number of them"),
        ("\"5s\"", "\"5\"", "x.toml:5:11: timeout: \"5\" is no duration"),
        ("resume = 0.5", "resume = 1.5", "x.toml:16:10: resume: a number from 0 to 1"),
        ("ca = \"ca.pem\"\n", "", "ca is missing in [tls]"),
        ("body_size", "body = \"a\"\nbody_size", "one of body, body_file and body_size"),
        ("\"X-One: 1\"", "\"X-One\"", "is no header"),
        ("\"2cf2", "\"2c", "is no SHA-256"),
        ("from = 100\n", "", "from is missing in [[phase]]"),
        ("[tls]", "[tls", "x.toml:12:"),
    ];
    for (old, new, expected) in cases {
        let told = complaint(old, new);
        assert!(told.contains(expected), "{told}\nfor {expected}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let told = complaint("connect = ", "conect = ").lines().count();
    assert_eq!(told, 1);
    let text = RIGHT.replace("seed", "sed").replace("peak", "peek").replace("weight", "wait");
    let told = parse(&text, "x.toml", Path::new("")).expect_err("wrong");
    // The peak is missing, and there is one key too many.
    assert_eq!(told.lines().count(), 4, "{told}");
}

#[test]
fn there_must_be_something_to_do() {
    let told = parse("target = \"https://a/\"\n[tls]\nca = \"ca.pem\"\n", "x.toml", Path::new(""));
    let told = told.expect_err("nothing to do");
    assert!(
        told.contains("there is no [[phase]]") && told.contains("there is no [[step]]"),
        "{told}"
    );
}

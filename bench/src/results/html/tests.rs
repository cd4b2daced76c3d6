//! The page in a real browser: Debian's Chromium, headless.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde::Deserialize;

use super::super::Results;
use super::super::tests::{closed, limited, results, stopped_at_once};
use super::render;

/// What a script finds in the page when it is laid out, in a frame as wide as a phone or a desk.
#[derive(Debug, Deserialize)]
struct Found {
    /// Anything fetched from elsewhere.
    fetched: Vec<String>,
    /// By how many pixels the page is wider than its frame.
    too_wide: f64,
    dark: bool,
    background: String,
    text_colour: String,
    /// What can be read, without markup.
    text: String,
    figures: Vec<Figure>,
}

#[derive(Debug, Deserialize)]
struct Figure {
    id: String,
    /// Lines and bands that have a length.
    drawn: usize,
    /// Texts that stick out of the drawing.
    outside: Vec<String>,
    /// Pairs of texts that lie on each other.
    overlaps: Vec<(String, String)>,
    /// The smallest height of a text on the screen, in pixels.
    text_px: f64,
}

/// Put around the page: the frame is of the same origin, so that the script may look into it.
const PROBE: &str = r#"<!doctype html><meta charset="utf-8"><style>body { margin: 0 }</style>
<iframe id="frame" style="border: 0; width: WIDTHpx; height: 3000px"></iframe><pre id="found"></pre>
<script>
const frame = document.getElementById("frame");
frame.onload = () => {
  const page = frame.contentDocument, view = frame.contentWindow, style = view.getComputedStyle(page.body);
  const found = {
    fetched: view.performance.getEntriesByType("resource").map((it) => it.name),
    too_wide: page.documentElement.scrollWidth - WIDTH,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    background: style.backgroundColor, text_colour: style.color, text: page.body.innerText,
    figures: [...page.querySelectorAll("figure")].map((figure) => {
      const drawing = figure.querySelector("svg");
      const texts = [...figure.querySelectorAll("svg text")];
      const boxes = texts.map((it) => [it.textContent, it.getBoundingClientRect()]);
      const edge = drawing ? drawing.getBoundingClientRect() : null;
      const out = (box) => box.left < edge.left - 1 || box.right > edge.right + 1
        || box.top < edge.top - 1 || box.bottom > edge.bottom + 1;
      const cross = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 3 && b.top < a.bottom - 3;
      const overlaps = [];
      boxes.forEach(([one, a], at) => boxes.slice(at + 1).forEach(([other, b]) => {
        if (cross(a, b)) overlaps.push([one, other]);
      }));
      return {
        id: figure.id,
        drawn: [...figure.querySelectorAll("path")].filter((it) => it.getTotalLength() > 0).length,
        outside: boxes.filter(([, box]) => out(box)).map(([text]) => text),
        overlaps,
        text_px: Math.min(99, ...boxes.map(([, box]) => box.height)),
      };
    }),
  };
  document.getElementById("found").textContent = JSON.stringify(found);
};
frame.srcdoc = PAGE;
</script>"#;

const DESK: u32 = 1100;
const PHONE: u32 = 360;

/// Chromium's choice of `prefers-color-scheme`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scheme {
    Dark = 0,
    Light = 1,
}

fn chromium(folder: &Path, scheme: Scheme, more: &[&str]) -> Output {
    let scheme = scheme as u8;
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
    command.args(["--enable-logging=stderr", "--window-size=1200,3200"]);
    command.arg(format!("--user-data-dir={}", folder.join("profile").display()));
    command.arg(format!("--blink-settings=preferredColorScheme={scheme}"));
    command.env("HOME", folder).args(more);
    let output = command.output();
    output.unwrap_or_else(|error| panic!("chromium: {error}; apt-get install chromium"))
}

fn look_at(results: &Results, width: u32, scheme: Scheme) -> Found {
    let folder = tempfile::tempdir().expect("a temporary directory");
    // As a string of JavaScript that ends no script element.
    let page = serde_json::to_string(&render(results)).expect("text").replace('<', "\\u003c");
    let probe = PROBE.replace("WIDTH", &width.to_string()).replace("PAGE", &page);
    let path = folder.path().join("probe.html");
    fs::write(&path, probe).expect("writable");
    let url = format!("file://{}", path.display());
    let output = chromium(folder.path(), scheme, &["--dump-dom", &url]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("CONSOLE"), "{said}");
    let dom = String::from_utf8(output.stdout).expect("text");
    let (_, found) = dom.split_once("<pre id=\"found\">").expect("the probe");
    let (found, _) = found.split_once("</pre>").expect("its end");
    let found = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error} in {found:?}: {said}"))
}

/// What must hold whatever is shown.
fn check(found: &Found) {
    assert_eq!(found.fetched, [""; 0], "nothing comes from elsewhere");
    assert!(found.too_wide <= 0.0, "{found:#?}");
    assert!(!found.text.contains("NaN") && !found.text.contains("inf"), "{}", found.text);
    let ids: Vec<_> = found.figures.iter().map(|figure| figure.id.as_str()).collect();
    let wanted =
        ["percentiles", "latency", "throughput", "handshakes", "errors", "states", "generator"];
    assert_eq!(ids, wanted);
    for figure in &found.figures {
        assert_eq!(figure.outside, [""; 0], "{figure:#?}");
        assert!(figure.overlaps.is_empty(), "{figure:#?}");
        assert!(figure.text_px >= 11.0, "too small to read: {figure:#?}");
    }
}

fn drawn(found: &Found) -> Vec<usize> {
    found.figures.iter().map(|figure| figure.drawn).collect()
}

#[test]
fn page_shows_the_figures_and_needs_nothing_else() {
    let results = results();
    let found = look_at(&results, DESK, Scheme::Light);
    check(&found);
    // Two curves; three percentiles; due and done; two kinds; two reasons; two states; one.
    assert_eq!(drawn(&found), [2, 3, 2, 2, 2, 2, 1]);
    for part in [
        "https://one.example/",
        "20 connections, open loop, 10 s measured",
        "398",
        "20 (0.500 %)",
        "p99.9",
        "18 reset, 2 status",
        "warm-up (not measured)",
        "post <b>\"&",
        "X25519MLKEM768",
        "0.02 0.10 0.25",
    ] {
        assert!(found.text.contains(part), "{part} is not in\n{}", found.text);
    }
    assert!(!found.text.contains("Careful"), "{}", found.text);
}

#[test]
fn page_can_be_read_on_a_phone_and_in_the_dark() {
    let light = look_at(&results(), PHONE, Scheme::Light);
    let dark = look_at(&results(), PHONE, Scheme::Dark);
    check(&light);
    check(&dark);
    assert_eq!((light.dark, dark.dark), (false, true));
    assert_ne!(light.background, dark.background);
    assert_ne!(light.text_colour, dark.text_colour);
}

#[test]
fn page_of_a_limited_run_says_so_first() {
    let found = look_at(&limited(), PHONE, Scheme::Light);
    check(&found);
    let careful = found.text.find("Careful: the generator was the bottleneck").expect("a warning");
    let first_figure = found.text.find("operations/s").expect("a figure");
    assert!(careful < first_figure, "{}", found.text);
    assert!(found.text.contains("more than one second in twenty"), "{}", found.text);
}

#[test]
fn page_of_almost_nothing_is_a_page() {
    let found = look_at(&stopped_at_once(), PHONE, Scheme::Light);
    check(&found);
    assert!(found.text.contains("stopped early"), "{}", found.text);
    let found = look_at(&closed(), PHONE, Scheme::Light);
    check(&found);
    assert!(found.text.contains("closed loop"), "{}", found.text);
    // In a closed loop both times are the same, and nothing was due but when there was room.
    assert_eq!(drawn(&found)[0], 1);
    assert_eq!(drawn(&found)[2], 1);
}

#[test]
fn page_is_drawn_as_a_picture() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("page.html");
    fs::write(&path, render(&results())).expect("writable");
    let picture = folder.path().join("page.png");
    let to = format!("--screenshot={}", picture.display());
    let output =
        chromium(folder.path(), Scheme::Light, &[&to, &format!("file://{}", path.display())]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("CONSOLE"), "{said}");
    let bytes = fs::read(&picture).expect("a picture");
    assert!(bytes.starts_with(b"\x89PNG"), "not a picture");
    // An empty page of this size takes less than a tenth of that.
    assert!(bytes.len() > 50_000, "{} bytes", bytes.len());
}

//! Interfaces and what their drivers offer.

use std::fs;
use std::path::Path;

use super::{Finding, State};

/// Every interface but loopback.
pub(super) fn findings() -> Vec<Finding> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else { return vec![none()] };
    let mut findings: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name != "lo")
        .map(|name| interface(&name))
        .collect();
    findings.sort_by(|a, b| a.what.cmp(&b.what));
    if findings.is_empty() {
        findings.push(none());
    }
    findings
}

fn none() -> Finding {
    Finding {
        what: "interfaces".to_owned(),
        state: State::Fallback,
        detail: "none but loopback".to_owned(),
        advice: Some("`weir demo` makes its own".to_owned()),
    }
}

fn interface(name: &str) -> Finding {
    let folder = Path::new("/sys/class/net").join(name);
    let read = |file: &str| {
        fs::read_to_string(folder.join(file))
            .map_or_else(|_| "?".to_owned(), |text| text.trim().to_owned())
    };
    let driver = fs::read_link(folder.join("device/driver"))
        .ok()
        .and_then(|link| Some(link.file_name()?.to_str()?.to_owned()));
    let queues = fs::read_dir(folder.join("queues")).map_or(0, |entries| {
        entries
            .filter_map(Result::ok)
            .filter(|queue| queue.file_name().to_string_lossy().starts_with("rx-"))
            .count()
    });
    Finding {
        what: format!("interface {name}"),
        state: State::Good,
        detail: format!(
            "driver {}, {}, mtu {}, receive queues {queues}",
            driver.as_deref().unwrap_or("virtual"),
            read("operstate"),
            read("mtu")
        ),
        advice: None,
    }
}

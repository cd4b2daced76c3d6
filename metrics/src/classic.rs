//! The classic text format, as a small transform of OpenMetrics: a counter's and an info's
//! descriptors carry the full sample name, an info is a gauge, and there is neither UNIT nor EOF.

/// Rewrites a whole exposition. Sample lines are the same in both formats.
pub(crate) fn from_openmetrics(text: &str) -> String {
    let mut classic = String::with_capacity(text.len());
    let mut help: Option<(&str, &str)> = None;
    for line in text.lines() {
        let Some(descriptor) = line.strip_prefix("# ") else {
            push_line(&mut classic, &[line]);
            continue;
        };
        let (keyword, rest) = descriptor.split_once(' ').unwrap_or((descriptor, ""));
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match keyword {
            // The type, which says how the name goes on, comes behind.
            "HELP" => help = Some((name, rest)),
            "TYPE" => {
                let (suffix, kind) = match rest {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    other => ("", other),
                };
                if let Some((name, text)) = help.take() {
                    push_line(&mut classic, &["# HELP ", name, suffix, " ", text]);
                }
                push_line(&mut classic, &["# TYPE ", name, suffix, " ", kind]);
            }
            _ => {}
        }
    }
    classic
}

fn push_line(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
    text.push('\n');
}

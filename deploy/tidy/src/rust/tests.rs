use super::{FILE_LINES_MAX, FUNCTION_LINES_MAX, check};

fn lines_of(path: &str, text: &str) -> Vec<usize> {
    check(path, text).iter().map(|violation| violation.line).collect()
}

fn function(head: &str, indentation: &str, lines: usize) -> String {
    let body = format!("{indentation}    work();\n").repeat(lines - 2);
    format!("{indentation}{head} {{\n{body}{indentation}}}\n")
}

#[test]
fn file_may_have_one_line_less_than_the_limit() {
    assert_eq!(lines_of("a.rs", &"\n".repeat(FILE_LINES_MAX - 1)), []);
    assert_eq!(lines_of("a.rs", &"\n".repeat(FILE_LINES_MAX)), [FILE_LINES_MAX]);
}

#[test]
fn function_may_have_one_line_less_than_the_limit() {
    let heads =
        ["fn f()", "pub(crate) const fn f()", "pub unsafe extern \"C\" fn f()", "async fn f()"];
    for head in heads {
        for indentation in ["", "    "] {
            let long = function(head, indentation, FUNCTION_LINES_MAX);
            assert_eq!(lines_of("proxy/io/src/a.rs", &long), [1], "{head}");
            let fits = function(head, indentation, FUNCTION_LINES_MAX - 1);
            assert_eq!(lines_of("proxy/io/src/a.rs", &fits), [], "{head}");
        }
    }
}

#[test]
fn function_is_counted_with_its_signature_and_not_with_its_neighbours() {
    let signature = "fn f(\n    a: u8,\n) -> u8 {\n";
    let body = "    work();\n".repeat(FUNCTION_LINES_MAX - 4);
    assert_eq!(lines_of("a.rs", &format!("{signature}{body}}}\n")), [1]);
    let two = function("fn f()", "", FUNCTION_LINES_MAX - 1).repeat(2);
    assert_eq!(lines_of("a.rs", &two), []);
    let declared = "fn f(\n    a: u8,\n) -> u8;\n".to_owned() + &"\n".repeat(100) + "}\n";
    assert_eq!(lines_of("a.rs", &declared), []);
}

#[test]
fn silenced_lints_and_ignored_tests_are_found() {
    assert_eq!(lines_of("a.rs", "#[allow(dead_code)]\nfn f() {}\n"), [1]);
    assert_eq!(lines_of("a.rs", "#![allow(dead_code)]\n"), [1]);
    assert_eq!(lines_of("a.rs", "    #[ignore]\n    #[ignore = \"slow\"]\n"), [1, 2]);
    assert_eq!(lines_of("a.rs", "#[expect(dead_code, reason = \"x\")]\n// #[allow(x)]\n"), []);
}

#[test]
fn unsafe_is_found_outside_its_homes() {
    for code in ["let x = unsafe { f() };", "unsafe impl Send for A {}", "pub unsafe fn f() {}"] {
        assert_eq!(lines_of("netstack/src/time.rs", code), [1], "{code}");
        assert_eq!(lines_of("xdp/src/queue.rs", code), [1], "{code}");
        assert_eq!(lines_of("xdp/src/ring.rs", code), [], "{code}");
        assert_eq!(lines_of("proxy/io/src/ring.rs", code), [], "{code}");
    }
    let harmless =
        "#![forbid(unsafe_code)]\n// unsafe { }\nlet s = \"unsafe { }\";\nnot_unsafe {}\n";
    assert_eq!(lines_of("a.rs", harmless), []);
}

use clap::CommandFactory;

use super::Arguments;

#[test]
fn every_verb_has_an_example() {
    let arguments = Arguments::command();
    let verbs: Vec<_> = arguments.get_subcommands().collect();
    assert!(verbs.len() >= 4, "{verbs:?}");
    for verb in verbs.into_iter().chain([&arguments]) {
        let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        let example = format!(
            "weir-bench {}",
            if verb.get_name() == "weir-bench" { "run" } else { verb.get_name() }
        );
        assert!(
            help.starts_with("Example") && help.contains(&example),
            "{}: {help}",
            verb.get_name()
        );
    }
}

//! Which rules of the model the engines of a test have made fire.

use std::cell::RefCell;

use netstack_model::Fired;

thread_local! {
    static SURVEY: RefCell<Option<Survey>> = const { RefCell::new(None) };
}

/// What is counted on this thread.
struct Survey {
    fired: Fired,
    seeds_max: u64,
}

/// Runs `tests` with a few of their seeds each, and counts the rules that judged them.
///
/// # Panics
/// `tests` does, or calls this itself.
pub fn rules_fired(seeds_max: u64, tests: impl FnOnce()) -> Fired {
    let survey = Survey { fired: Fired::default(), seeds_max };
    let outer = SURVEY.replace(Some(survey));
    assert!(outer.is_none(), "a survey within a survey");
    tests();
    SURVEY.take().expect("it was begun above").fired
}

/// An engine is over: its judge has counted this.
pub(crate) fn note(fired: &Fired) {
    SURVEY.with_borrow_mut(|survey| {
        if let Some(survey) = survey {
            survey.fired.add(fired);
        }
    });
}

/// How many seeds a test runs while rules are counted.
pub(crate) fn seeds_max() -> u64 {
    SURVEY.with_borrow(|survey| survey.as_ref().map_or(u64::MAX, |survey| survey.seeds_max))
}

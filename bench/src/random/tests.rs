use super::{Choice, Random};

const DRAWS: u32 = 100_000;

/// How often each of `count` was chosen, as a share.
fn shares(choice: &Choice, count: usize) -> Vec<f64> {
    let mut random = Random::new(7, 0);
    let mut counts = vec![0_u32; count];
    for _ in 0..DRAWS {
        counts[choice.choose(&mut random)] += 1;
    }
    counts.into_iter().map(|it| f64::from(it) / f64::from(DRAWS)).collect()
}

/// Within five standard deviations of a share.
fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 5.0 * (expected * (1.0 - expected) / f64::from(DRAWS)).sqrt()
}

#[test]
fn weights_are_shares_of_what_is_chosen() {
    for (share, expected) in
        shares(&Choice::weighted([1.0, 0.0, 3.0]), 3).iter().zip([0.25, 0.0, 0.75])
    {
        assert!(close(*share, expected), "{share} for {expected}");
    }
}

#[test]
fn zipf_falls_with_the_rank() {
    let harmonic: f64 = (1..=100).map(|rank| 1.0 / f64::from(rank)).sum();
    let shares = shares(&Choice::zipf(100, 1.0), 100);
    for (rank, share) in (1..).zip(&shares) {
        let expected = 1.0 / f64::from(rank) / harmonic;
        assert!(close(*share, expected), "{rank}: {share} for {expected}");
    }
    let alike = self::shares(&Choice::zipf(4, 0.0), 4);
    assert!(alike.iter().all(|share| close(*share, 0.25)), "{alike:?}");
}

#[test]
fn exponential_has_mean_and_deviation_one() {
    let mut random = Random::new(1, 2);
    let draws: Vec<f64> = (0..DRAWS).map(|_| random.exponential()).collect();
    let mean = draws.iter().sum::<f64>() / f64::from(DRAWS);
    let square = draws.iter().map(|it| it * it).sum::<f64>() / f64::from(DRAWS);
    assert!((mean - 1.0).abs() < 0.02, "{mean}");
    assert!((square - 2.0).abs() < 0.1, "{square}");
    // P(X > 3) = e^-3.
    let beyond = draws.iter().filter(|it| **it > 3.0).count() as f64 / f64::from(DRAWS);
    assert!(close(beyond, (-3.0_f64).exp()), "{beyond}");
}

#[test]
fn seed_makes_the_stream() {
    let draw = |seed, stream| {
        let mut random = Random::new(seed, stream);
        [random.next(), random.next()]
    };
    assert_eq!(draw(1, 0), draw(1, 0));
    assert_ne!(draw(1, 0), draw(1, 1));
    assert_ne!(draw(1, 0), draw(2, 0));
}

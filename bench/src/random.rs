//! Seeded randomness: the same seed makes the same run.

/// SplitMix64: small, fast, and good enough to spread a load.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of `seed` with this number.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        random.next();
        random
    }

    /// 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// From 0 to 1, without the 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Exponentially distributed with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }
}

/// A choice with weights: the last of the running sums that is not beyond a random number.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    sums: Vec<f64>,
}

impl Choice {
    /// By these weights, at least one of which is above zero.
    pub(crate) fn weighted(weights: impl IntoIterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let add = |weight: f64| {
            sum += weight.max(0.0);
            sum
        };
        Self { sums: weights.into_iter().map(add).collect() }
    }

    /// Of `count`, the n-th with a weight of 1 / n^`exponent`: as names are asked for in the world. An
    /// exponent of 0 makes all alike.
    pub(crate) fn zipf(count: usize, exponent: f64) -> Self {
        Self::weighted((1..=count).map(|rank| (rank as f64).powf(-exponent)))
    }

    /// The number of what is chosen.
    pub(crate) fn choose(&self, random: &mut Random) -> usize {
        if self.sums.len() <= 1 {
            return 0;
        }
        let total = self.sums.last().copied().unwrap_or_default();
        let at = random.unit() * total;
        self.sums.partition_point(|sum| *sum <= at).min(self.sums.len() - 1)
    }
}

#[cfg(test)]
mod tests;

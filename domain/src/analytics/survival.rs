//! How long stays last when some of them are not over yet. The estimator is that of Kaplan and Meier
//! ("Nonparametric estimation from incomplete observations", 1958): `S(t)`, the share of stays that
//! last longer than `t`, is the product of `1 - d / n` over the lengths up to `t` at which `d` of `n`
//! stays that were at least so long ended. Stays that are not over count among the `n` as long as they
//! have lasted: leaving them out would make every stage look faster than it is.

/// How long a stay has lasted, and whether it is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    pub seconds: f64,
    pub over: bool,
}

/// An estimated `S(t)`: a step down at each length at which a stay ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// Length, and the share that lasts longer.
    steps: Vec<(f64, f64)>,
    longest: f64,
}

/// Shares are products of fractions: what differs by rounding only is equal.
const ROUNDING: f64 = 1e-9;

impl Curve {
    pub fn estimate(mut observations: Vec<Observation>) -> Self {
        observations.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let (mut steps, mut share) = (Vec::new(), 1.0);
        let mut at_risk = observations.len();
        for same in observations.chunk_by(|a, b| a.seconds == b.seconds) {
            let ended = same.iter().filter(|stay| stay.over).count();
            if let Some(first) = same.first().filter(|_| ended > 0) {
                share *= 1.0 - ended as f64 / at_risk as f64;
                steps.push((first.seconds, share));
            }
            at_risk = at_risk.saturating_sub(same.len());
        }
        Self { steps, longest: observations.last().map_or(0.0, |stay| stay.seconds) }
    }

    /// The length within which this share of the stays end: the first `t` with `S(t) <= 1 - share`. None
    /// where too many stays are not over to know.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let left = 1.0 - share + ROUNDING;
        self.steps.iter().find(|(_, longer)| *longer <= left).map(|(seconds, _)| *seconds)
    }

    /// The mean length: the area under `S`, up to the longest stay. Where that one is not over, stays
    /// are longer than this on average. None where none is over.
    pub fn mean(&self) -> Option<f64> {
        let (mut area, mut from, mut share) = (0.0, 0.0, 1.0);
        for (seconds, longer) in &self.steps {
            area += (seconds - from) * share;
            (from, share) = (*seconds, *longer);
        }
        (!self.steps.is_empty()).then_some(area + (self.longest - from) * share)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn curve(stays: &[(i32, bool)]) -> Curve {
        let stay = |(seconds, over): &(i32, bool)| Observation {
            seconds: f64::from(*seconds),
            over: *over,
        };
        Curve::estimate(stays.iter().map(stay).collect())
    }

    /// Weeks of remission under 6-MP, of Freireich et al. (1963), as in Cox and Oakes, "Analysis of
    /// survival data" (1984), table 1.1. The shares are theirs to three decimals.
    #[test]
    fn a_published_example_comes_out() {
        let ended = [6, 6, 6, 7, 10, 13, 16, 22, 23].map(|week| (week, true));
        let open = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35].map(|week| (week, false));
        let stays: Vec<_> = ended.into_iter().chain(open).collect();
        let curve = curve(&stays);
        let rounded: Vec<_> =
            curve.steps.iter().map(|(week, share)| (*week, (share * 1e3).round() / 1e3)).collect();
        let published = [
            (6.0, 0.857),
            (7.0, 0.807),
            (10.0, 0.753),
            (13.0, 0.690),
            (16.0, 0.627),
            (22.0, 0.538),
            (23.0, 0.448),
        ];
        assert_eq!(rounded, published);
        assert_eq!((curve.quantile(0.5), curve.quantile(0.9)), (Some(23.0), None));
        // lifelines 0.30.3: restricted_mean_survival_time(KaplanMeierFitter().fit(weeks, ended), t=35)
        assert!((curve.mean().unwrap() - 23.287_394_957_983).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn where_all_is_over_it_is_what_anybody_would_count(
            mut lengths in vec(0..1_000_i32, 1..60), share in 1..100_i32,
        ) {
            let stays: Vec<_> = lengths.iter().map(|length| (*length, true)).collect();
            let curve = curve(&stays);
            lengths.sort_unstable();
            let mean = lengths.iter().map(|length| f64::from(*length)).sum::<f64>() / lengths.len() as f64;
            prop_assert!((curve.mean().unwrap() - mean).abs() < 1e-6);
            // The first length within which at least the share of the stays end.
            let wanted = (lengths.len() * usize::try_from(share).unwrap()).div_ceil(100);
            let expected = f64::from(lengths[wanted - 1]);
            prop_assert_eq!(curve.quantile(f64::from(share) / 100.0), Some(expected));
        }

        #[test]
        fn shares_fall_and_open_stays_never_shorten(
            stays in vec((0..500_i32, any::<bool>()), 0..60), share in 0.01..0.99_f64,
        ) {
            let with = curve(&stays);
            prop_assert!(with.steps.is_sorted_by(|a, b| a.0 < b.0 && a.1 > b.1));
            prop_assert!(with.steps.iter().all(|(_, share)| (0.0..1.0).contains(share)));
            let over: Vec<_> = stays.iter().copied().filter(|stay| stay.1).collect();
            let without = curve(&over);
            prop_assert_eq!(with.mean().is_none(), over.is_empty());
            if let Some(longer) = with.quantile(share) {
                prop_assert!(longer >= without.quantile(share).unwrap());
            }
            prop_assert!(with.mean() >= without.mean() || (with.mean().unwrap() - without.mean().unwrap()).abs() < 1e-6);
        }
    }
}

//! The four ways of telling how far apart two vectors are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A way of telling how far apart two vectors are. Smaller is nearer for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// The squared Euclidean distance, in `[0, inf)`.
    #[default]
    L2,
    /// One minus the cosine of the angle, in `[0, 2]`.
    Cosine,
    /// One minus the inner product, in `(-inf, inf)`.
    Dot,
    /// The number of bits that differ, in `[0, 8 * dim]`. Bytes only.
    Hamming,
}

impl Metric {
    /// Every metric, in the order in which messages list them.
    pub const ALL: [Metric; 4] = [Metric::L2, Metric::Cosine, Metric::Dot, Metric::Hamming];

    /// The name users write: `l2`, `cosine`, `dot` or `hamming`.
    pub fn name(self) -> &'static str {
        match self {
            Metric::L2 => "l2",
            Metric::Cosine => "cosine",
            Metric::Dot => "dot",
            Metric::Hamming => "hamming",
        }
    }

    /// The metric of this name, in any case; `euclidean` also means l2.
    pub fn parse(name: &str) -> Option<Metric> {
        if name.eq_ignore_ascii_case("euclidean") {
            return Some(Metric::L2);
        }
        Self::ALL.into_iter().find(|metric| metric.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_its_metric() {
        for metric in Metric::ALL {
            assert_eq!(Metric::parse(&metric.to_string()), Some(metric));
            assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{metric}\""));
        }
        assert_eq!(Metric::parse("COSINE"), Some(Metric::Cosine));
        assert_eq!(Metric::parse("manhattan"), None);
    }
}

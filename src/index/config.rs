//! What can be asked of an index, and what it is when nothing is.

use arrow::datatypes::DataType;
use serde_json::{Value, json};

use super::scalar::ScalarKind;
use crate::distance::Metric;
use crate::error::{Error, Result};
use crate::gpu::Accelerator;

/// The seed of an index for which none was given: the same rows give the same index.
pub const SEED_DEFAULT: u64 = 0x5EED;

/// The most iterations of k-means that an index takes if nothing else is asked; they usually end earlier,
/// when an iteration gains less than a thousandth.
pub const ITERATIONS_MAX_DEFAULT: u32 = 50;

/// Rows for each partition that an index is trained with, if nothing else is asked.
pub const SAMPLE_RATE_DEFAULT: u32 = 256;

/// An index to build.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexConfig {
    /// What fits the column: IVF_PQ for vectors, BTREE for single values, LABEL_LIST for lists.
    Auto,
    /// Compressed vectors in partitions.
    IvfPq(IvfPqConfig),
    /// Whole vectors in partitions.
    IvfFlat(IvfFlatConfig),
    /// The rows of each value.
    Scalar(ScalarKind),
}

/// An index of product-quantised residuals.
#[derive(Debug, Clone, PartialEq)]
pub struct IvfPqConfig {
    /// What near means: l2 (the default), cosine or dot.
    pub metric: Metric,
    /// How many partitions. Default: the square root of the number of rows.
    pub partitions: Option<u32>,
    /// Into how many sub-vectors a vector is cut; divides its dimensions. Default: see
    /// [`default_sub_vectors`].
    pub sub_vectors: Option<u32>,
    /// Bits of a sub-vector's code: 8 (the default) or 4.
    pub bits: u8,
    /// Iterations of k-means at most; the codebook takes no more than 12 of them. Default:
    /// [`ITERATIONS_MAX_DEFAULT`].
    pub iterations_max: u32,
    /// Training rows for each partition and each codeword. Default: [`SAMPLE_RATE_DEFAULT`].
    pub sample_rate: u32,
    /// Where randomness starts. Default: [`SEED_DEFAULT`].
    pub seed: u64,
    /// What computes. Default: the CPU.
    pub accelerator: Accelerator,
}

impl Default for IvfPqConfig {
    fn default() -> Self {
        Self {
            metric: Metric::L2,
            partitions: None,
            sub_vectors: None,
            bits: 8,
            iterations_max: ITERATIONS_MAX_DEFAULT,
            sample_rate: SAMPLE_RATE_DEFAULT,
            seed: SEED_DEFAULT,
            accelerator: Accelerator::Cpu,
        }
    }
}

/// An index of whole vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct IvfFlatConfig {
    /// What near means: l2 (the default), cosine, dot, or hamming for vectors of Uint8.
    pub metric: Metric,
    /// How many partitions. Default: the square root of the number of rows.
    pub partitions: Option<u32>,
    /// Iterations of k-means. Default: [`ITERATIONS_MAX_DEFAULT`].
    pub iterations_max: u32,
    /// Training rows for each partition. Default: [`SAMPLE_RATE_DEFAULT`].
    pub sample_rate: u32,
    /// Where randomness starts. Default: [`SEED_DEFAULT`].
    pub seed: u64,
    /// What computes. Default: the CPU.
    pub accelerator: Accelerator,
}

impl Default for IvfFlatConfig {
    fn default() -> Self {
        Self {
            metric: Metric::L2,
            partitions: None,
            iterations_max: ITERATIONS_MAX_DEFAULT,
            sample_rate: SAMPLE_RATE_DEFAULT,
            seed: SEED_DEFAULT,
            accelerator: Accelerator::Cpu,
        }
    }
}

impl IndexConfig {
    /// `IVF_PQ`, `IVF_FLAT`, `BTREE`, `BITMAP` or `LABEL_LIST`; `AUTO` if the column decides.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Auto => "AUTO",
            Self::IvfPq(_) => "IVF_PQ",
            Self::IvfFlat(_) => "IVF_FLAT",
            Self::Scalar(kind) => kind.name(),
        }
    }

    /// What an index of this kind was built with, by [`Built::details`](super::Built::details). What nobody asked for
    /// stays unasked, so that it fits the rows of today. `None` for an index that is not of vectors.
    pub fn of_built(kind: &str, details: &Value) -> Option<Self> {
        let settings = details.get("settings")?;
        let number = |name: &str| settings[name].as_u64().and_then(|number| u32::try_from(number).ok());
        let rows = details["indexedRows"].as_u64()? + details["skippedRows"].as_u64()?;
        let metric = Metric::parse(settings["distanceType"].as_str()?)?;
        let partitions = number("numPartitions").filter(|&asked| asked != default_partitions(rows));
        let (iterations_max, sample_rate) = (number("maxIterations")?, number("sampleRate")?);
        let seed = settings["seed"].as_u64()?;
        let accelerator = Accelerator::parse(settings["accelerator"].as_str()?);
        match kind {
            "IVF_PQ" => Some(Self::IvfPq(IvfPqConfig {
                metric,
                partitions,
                sub_vectors: Some(number("numSubVectors")?),
                bits: u8::try_from(number("numBits")?).ok()?,
                iterations_max,
                sample_rate,
                seed,
                accelerator,
            })),
            "IVF_FLAT" => Some(Self::IvfFlat(IvfFlatConfig {
                metric,
                partitions,
                iterations_max,
                sample_rate,
                seed,
                accelerator,
            })),
            _ => None,
        }
    }

    /// How many partitions were asked for.
    pub fn partitions(&self) -> Option<u32> {
        match self {
            Self::IvfPq(config) => config.partitions,
            Self::IvfFlat(config) => config.partitions,
            Self::Auto | Self::Scalar(_) => None,
        }
    }

    /// The index to build on a column of this type: what [`IndexConfig::Auto`] means there, or this.
    pub fn for_column(&self, data_type: &DataType) -> Self {
        match (self, ScalarKind::default_for(data_type)) {
            (Self::Auto, Some(kind)) => Self::Scalar(kind),
            (Self::Auto, None) => Self::IvfPq(IvfPqConfig::default()),
            _ => self.clone(),
        }
    }

    /// What computes, if it is not only the CPU that can.
    pub fn accelerator(&self) -> Option<&Accelerator> {
        match self {
            Self::IvfPq(config) => Some(&config.accelerator),
            Self::IvfFlat(config) => Some(&config.accelerator),
            Self::Auto | Self::Scalar(_) => None,
        }
    }

    /// What near means.
    pub fn metric(&self) -> Option<Metric> {
        match self {
            Self::IvfPq(config) => Some(config.metric),
            Self::IvfFlat(config) => Some(config.metric),
            Self::Auto | Self::Scalar(_) => None,
        }
    }
}

impl IvfPqConfig {
    /// The number of sub-vectors for vectors of `dim` dimensions.
    ///
    /// # Errors
    /// If a setting has a value that no index can have.
    pub(crate) fn check(&self, dim: usize) -> Result<usize> {
        check_training(self.partitions, self.iterations_max, self.sample_rate)?;
        if self.metric == Metric::Hamming {
            let expected = "IVF_PQ measures l2, cosine or dot; use IVF_FLAT for hamming";
            return Err(Error::invalid("distanceType", self.metric, expected));
        }
        if ![4, 8].contains(&self.bits) {
            return Err(Error::invalid("numBits", self.bits, "a code has 8 or 4 bits"));
        }
        match self.sub_vectors.map(|asked| asked as usize) {
            None => Ok(default_sub_vectors(dim)),
            Some(asked) if asked > 0 && dim.is_multiple_of(asked) => Ok(asked),
            Some(asked) => Err(Error::invalid("numSubVectors", asked, nearest_divisors(dim, asked))),
        }
    }

    /// The settings an index was built with, as `indexStats` shows them.
    pub(crate) fn settings(&self, partitions: usize, sub_vectors: usize) -> Value {
        json!({
            "distanceType": self.metric.name(),
            "numPartitions": partitions,
            "numSubVectors": sub_vectors,
            "numBits": self.bits,
            "maxIterations": self.iterations_max,
            "sampleRate": self.sample_rate,
            "seed": self.seed,
            "accelerator": self.accelerator.to_string(),
        })
    }
}

impl IvfFlatConfig {
    /// # Errors
    /// If a setting has a value that no index can have.
    pub(crate) fn check(&self) -> Result<()> {
        check_training(self.partitions, self.iterations_max, self.sample_rate)
    }

    /// The settings an index was built with, as `indexStats` shows them.
    pub(crate) fn settings(&self, partitions: usize) -> Value {
        json!({
            "distanceType": self.metric.name(),
            "numPartitions": partitions,
            "maxIterations": self.iterations_max,
            "sampleRate": self.sample_rate,
            "seed": self.seed,
            "accelerator": self.accelerator.to_string(),
        })
    }
}

/// The sub-vectors of an index for which none were asked: of 16 dimensions each if that divides `dim`, else
/// of 8, else as near to 8 as a divisor comes.
pub fn default_sub_vectors(dim: usize) -> usize {
    for width in [16, 8] {
        if dim.is_multiple_of(width) {
            return dim / width;
        }
    }
    let target = dim as f64 / 8.0;
    let distance = |divisor: usize| (divisor as f64 / target).ln().abs();
    divisors(dim).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap_or(1)
}

/// The partitions of an index for which none were asked.
pub(super) fn default_partitions(rows: u64) -> u32 {
    (rows as f64).sqrt().round().max(1.0) as u32
}

fn check_training(partitions: Option<u32>, iterations_max: u32, sample_rate: u32) -> Result<()> {
    for (argument, value) in [
        ("numPartitions", partitions),
        ("maxIterations", Some(iterations_max)),
        ("sampleRate", Some(sample_rate)),
    ] {
        if value == Some(0) {
            return Err(Error::invalid(argument, 0, "it must be a positive whole number"));
        }
    }
    Ok(())
}

fn divisors(dim: usize) -> impl Iterator<Item = usize> {
    (1..=dim).filter(move |&divisor| dim.is_multiple_of(divisor))
}

/// What `numSubVectors` could have been: `it must divide the 128 dimensions; the nearest that do are 4 and 8`.
fn nearest_divisors(dim: usize, asked: usize) -> String {
    let below = divisors(dim).filter(|&divisor| divisor < asked).max();
    let above = divisors(dim).find(|&divisor| divisor > asked);
    let nearest = match (below, above) {
        (Some(below), Some(above)) => format!("the nearest that do are {below} and {above}"),
        (one, other) => format!("the nearest that does is {}", one.or(other).unwrap_or(1)),
    };
    format!("it must divide the vectors' {dim} dimensions; {nearest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_vectors_default_to_sixteen_dimensions_each_else_to_about_eight() {
        assert_eq!(default_sub_vectors(1536), 96);
        assert_eq!(default_sub_vectors(128), 8);
        assert_eq!(default_sub_vectors(8), 1);
        assert_eq!(default_sub_vectors(100), 10);
        assert_eq!(default_sub_vectors(3), 1);
        assert_eq!(default_sub_vectors(1021), 1021);
    }

    #[test]
    fn sub_vectors_that_do_not_divide_come_with_the_nearest_that_do() {
        let config = IvfPqConfig { sub_vectors: Some(5), ..IvfPqConfig::default() };

        assert_eq!(
            config.check(128).unwrap_err().to_string(),
            "numSubVectors is 5, but it must divide the vectors' 128 dimensions; the nearest that do are 4 and 8"
        );
        let config = IvfPqConfig { sub_vectors: Some(200), ..config };
        assert_eq!(
            config.check(128).unwrap_err().to_string(),
            "numSubVectors is 200, but it must divide the vectors' 128 dimensions; the nearest that does is 128"
        );
    }

    #[test]
    fn what_no_index_can_have_is_an_error_that_names_it() {
        let wrong = [
            (IvfPqConfig { bits: 5, ..IvfPqConfig::default() }, "numBits is 5"),
            (IvfPqConfig { partitions: Some(0), ..IvfPqConfig::default() }, "numPartitions is 0"),
            (IvfPqConfig { sub_vectors: Some(0), ..IvfPqConfig::default() }, "numSubVectors is 0"),
            (IvfPqConfig { iterations_max: 0, ..IvfPqConfig::default() }, "maxIterations is 0"),
            (IvfPqConfig { sample_rate: 0, ..IvfPqConfig::default() }, "sampleRate is 0"),
            (IvfPqConfig { metric: Metric::Hamming, ..IvfPqConfig::default() }, "distanceType is hamming"),
        ];
        for (config, start) in wrong {
            let error = config.check(16).unwrap_err();
            assert_eq!(error.code(), "INVALID_ARGUMENT");
            assert!(error.to_string().starts_with(start), "{error}");
        }
    }
}

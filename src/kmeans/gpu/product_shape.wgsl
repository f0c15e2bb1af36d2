// What every kernel is told that finds the nearest centroids by a product: a part of nearest_centroid.wgsl and of
// nearest_centroid_matrix.wgsl.

// Kept in step with `Shape` in product.rs.
struct Shape {
    // Rows of this dispatch: the first and how many.
    first_row: u32,
    rows: u32,
    // Values from one row to the next, and how many of them a centroid has.
    stride: u32,
    width: u32,
    // Centroids of this dispatch, among those in the buffer, and the number of the buffer's first one.
    first_column: u32,
    end_column: u32,
    columns: u32,
    base_column: u32,
    // A line of workgroups does one sub-vector, or a share of it: the first one, and how many labels each has.
    first_line: u32,
    line_rows: u32,
    // Whether nothing has been found yet.
    is_first: u32,
    // Whether the rows are those in a list.
    is_listed: u32,
    // Workgroups share the centroids of a row: how many there are, and how many centroids each takes, a multiple of
    // TILE.
    splits: u32,
    split_columns: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(3) var<storage, read> biases: array<f32>;

// Farther than any centroid.
const FARTHEST = 0x1.fffffep+127f;

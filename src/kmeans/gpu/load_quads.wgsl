// Copies tiles where rows and centroids are whole vectors of four values: a part of nearest_centroid.wgsl.
//
// An invocation reads four values of a row at once and writes them to four lines of the tile, which is transposed.

@group(0) @binding(1) var<storage, read> points: array<Four>;
@group(0) @binding(2) var<storage, read> centroids: array<Four>;

// What an invocation reads. All but `column` counts in vectors of four values.
struct Sources {
    // Where its two rows begin, and the centroids.
    row: u32,
    lower_row: u32,
    centroids: u32,
    // Its vector of the tile's, and its first column of the tile's.
    four: u32,
    column: u32,
}

fn sources(tile_row: u32, line: u32, local: u32) -> Sources {
    let fours = DEPTH / 4u;
    let i = local / fours;
    // Rows that are not there are copies of the last one, and are not written.
    let last = row_count() - 1u;
    let stretch = (shape.first_line + line) * shape.width;
    let row = row_at(min(tile_row + i, last)) * shape.stride + stretch;
    let lower_row = row_at(min(tile_row + i + 64u, last)) * shape.stride + stretch;
    let first = line * shape.columns * shape.width;
    return Sources(row / 4u, lower_row / 4u, first / 4u, local % fours, i);
}

fn fetch(own: Sources, column: u32, depth: u32) -> Fetched {
    var fetched = Fetched();
    let width = shape.width / 4u;
    let four = depth / 4u + own.four;
    if four >= width { return fetched; }
    let here = column + own.column;
    fetched.row = points[own.row + four];
    if here < shape.end_column { fetched.column = centroids[own.centroids + here * width + four]; }
    if DEPTH > 8u {
        let lower = here + 64u;
        fetched.lower_row = points[own.lower_row + four];
        if lower < shape.end_column { fetched.lower_column = centroids[own.centroids + lower * width + four]; }
    }
    return fetched;
}

fn place(fetched: Fetched, local: u32) {
    let fours = DEPTH / 4u;
    let i = local / fours;
    let part = i % 4u;
    let at = local % fours * 4u * PITCH + i / 4u;
    row_tile[at][part] = fetched.row.x;
    row_tile[at + PITCH][part] = fetched.row.y;
    row_tile[at + 2u * PITCH][part] = fetched.row.z;
    row_tile[at + 3u * PITCH][part] = fetched.row.w;
    column_tile[at][part] = fetched.column.x;
    column_tile[at + PITCH][part] = fetched.column.y;
    column_tile[at + 2u * PITCH][part] = fetched.column.z;
    column_tile[at + 3u * PITCH][part] = fetched.column.w;
    if DEPTH > 8u {
        let lower = at + 16u;
        row_tile[lower][part] = fetched.lower_row.x;
        row_tile[lower + PITCH][part] = fetched.lower_row.y;
        row_tile[lower + 2u * PITCH][part] = fetched.lower_row.z;
        row_tile[lower + 3u * PITCH][part] = fetched.lower_row.w;
        column_tile[lower][part] = fetched.lower_column.x;
        column_tile[lower + PITCH][part] = fetched.lower_column.y;
        column_tile[lower + 2u * PITCH][part] = fetched.lower_column.z;
        column_tile[lower + 3u * PITCH][part] = fetched.lower_column.w;
    }
}

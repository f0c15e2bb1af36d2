// Copies tiles of rows and centroids of any width: a part of nearest_centroid.wgsl.
//
// An invocation reads a value of each of four rows, which are a vector of the tile.

@group(0) @binding(1) var<storage, read> points: array<f32>;
@group(0) @binding(2) var<storage, read> centroids: array<f32>;

struct Sources {
    tile_row: u32,
    line: u32,
    // The value of a row, and the first of four rows.
    k: u32,
    group: u32,
}

fn sources(tile_row: u32, line: u32, local: u32) -> Sources {
    return Sources(tile_row, line, local % DEPTH, 4u * (local / DEPTH));
}

fn fetch(own: Sources, column: u32, depth: u32) -> Fetched {
    var fetched = Fetched();
    let value = depth + own.k;
    if value >= shape.width { return fetched; }
    let row = own.tile_row + own.group;
    fetched.row = row_values(row, own.line, value);
    fetched.column = column_values(column + own.group, own.line, value);
    if DEPTH > 8u {
        fetched.lower_row = row_values(row + 64u, own.line, value);
        fetched.lower_column = column_values(column + own.group + 64u, own.line, value);
    }
    return fetched;
}

fn place(fetched: Fetched, local: u32) {
    let at = local % DEPTH * PITCH + local / DEPTH;
    row_tile[at] = fetched.row;
    column_tile[at] = fetched.column;
    if DEPTH > 8u {
        row_tile[at + 16u] = fetched.lower_row;
        column_tile[at + 16u] = fetched.lower_column;
    }
}

fn row_values(row: u32, line: u32, value: u32) -> Four {
    return Four(
        row_value(row, line, value),
        row_value(row + 1u, line, value),
        row_value(row + 2u, line, value),
        row_value(row + 3u, line, value),
    );
}

// Rows that are not there are copies of the last one, and are not written.
fn row_value(row: u32, line: u32, value: u32) -> f32 {
    let at = row_at(min(row, row_count() - 1u)) * shape.stride;
    return points[at + (shape.first_line + line) * shape.width + value];
}

fn column_values(column: u32, line: u32, value: u32) -> Four {
    return Four(
        column_value(column, line, value),
        column_value(column + 1u, line, value),
        column_value(column + 2u, line, value),
        column_value(column + 3u, line, value),
    );
}

fn column_value(column: u32, line: u32, value: u32) -> f32 {
    if column >= shape.end_column { return 0.0; }
    return centroids[(line * shape.columns + column) * shape.width + value];
}

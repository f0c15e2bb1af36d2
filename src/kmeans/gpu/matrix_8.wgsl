// Matrix units of 8 x 8: a part of nearest_centroid_matrix.wgsl. Of Apple, through Metal.

enable f16;
enable wgpu_cooperative_matrix;

alias RowMatrix = coop_mat8x8<f16, A>;
alias ColumnMatrix = coop_mat8x8<f16, B>;
alias Sums = coop_mat8x8<f32, C>;

const SIZE = 8u;

// Values of an element of the tiles: Metal loads matrices from single values.
const GRAIN = 1u;

var<workgroup> row_tile: array<f16, 2560>;
var<workgroup> column_tile: array<f16, 2560>;

fn place_row(at: u32, four: vec4<f16>) {
    row_tile[at] = four.x;
    row_tile[at + 1u] = four.y;
    row_tile[at + 2u] = four.z;
    row_tile[at + 3u] = four.w;
}

fn place_column(at: u32, four: vec4<f16>) {
    column_tile[at] = four.x;
    column_tile[at + 1u] = four.y;
    column_tile[at + 2u] = four.z;
    column_tile[at + 3u] = four.w;
}

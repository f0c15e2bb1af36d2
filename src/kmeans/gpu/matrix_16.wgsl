// Matrix units of 16 x 16: a part of nearest_centroid_matrix.wgsl. Of NVIDIA, through Vulkan.

enable f16;
enable wgpu_cooperative_matrix;

alias RowMatrix = coop_mat16x16<f16, A>;
alias ColumnMatrix = coop_mat16x16<f16, B>;
alias Sums = coop_mat16x16<f32, C>;

const SIZE = 16u;

// Values of an element of the tiles, which matrices are loaded from four at a time.
const GRAIN = 4u;

var<workgroup> row_tile: array<vec4<f16>, 1280>;
var<workgroup> column_tile: array<vec4<f16>, 1280>;

fn place_row(at: u32, four: vec4<f16>) { row_tile[at / 4u] = four; }

fn place_column(at: u32, four: vec4<f16>) { column_tile[at / 4u] = four; }

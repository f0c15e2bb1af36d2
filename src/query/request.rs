//! What can be asked of a table.

use crate::distance::Metric;
use crate::filter::Filter;

/// A question to a table: which rows, which of their columns, in what order.
///
/// The default asks for every row and every column, in storage order.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Which rows are looked at.
    pub rows: Rows,
    /// What a row must satisfy (see `docs/filters.md`).
    pub filter: Option<Filter>,
    /// Which columns come back.
    pub select: Select,
    /// How many rows come back, per query vector. Default: all of a scan, 10 of a vector search.
    pub limit: Option<usize>,
    /// How many rows are skipped first.
    pub offset: usize,
    /// The order of the rows: of a scan's matches, or of the nearest rows that were found. Default: storage
    /// order, or nearest first.
    pub order_by: Vec<OrderBy>,
    /// Adds the column `_rowid` (UInt64): the row's stable id.
    pub with_row_id: bool,
}

/// Which rows a request looks at.
#[derive(Debug, Clone, Default)]
pub enum Rows {
    /// All of them, in storage order.
    #[default]
    All,
    /// The nearest to one or several query vectors.
    Nearest(Nearest),
    /// Those at these positions, counted from 0, in storage order. Positions past the end are left out.
    Offsets(Vec<u64>),
    /// Those with these ids, in the order given. Ids that do not exist are left out.
    RowIds(Vec<u64>),
}

/// Which columns a request returns.
#[derive(Debug, Clone, Default)]
pub enum Select {
    /// Every column of the table.
    #[default]
    All,
    /// Columns by name; `a.b` is a field of a struct.
    Columns(Vec<String>),
    /// SQL expressions by the name of their result.
    Expressions(Vec<(String, String)>),
}

/// A column that decides the order of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderBy {
    /// Its name; `a.b` is a field of a struct, and a search also has `_distance`.
    pub column: String,
    /// Least first, or greatest first.
    pub ascending: bool,
    /// Whether rows without a value come first.
    pub nulls_first: bool,
}

/// A search for the rows nearest to query vectors.
#[derive(Debug, Clone, Default)]
pub struct Nearest {
    /// The query vectors. With more than one, the result starts with a column `query_index` (Int32).
    pub vectors: Vec<Vec<f64>>,
    /// The vector column. Default: the only one of the query's dimensions.
    pub column: Option<String>,
    /// How to measure. Default: as the column's index does; without an index l2, on UInt8 hamming.
    pub metric: Option<Metric>,
    /// How many partitions are searched at least. Default: 20.
    pub probes_min: Option<usize>,
    /// How many partitions are searched at most while too few rows have been found. Default: as many
    /// as `probes_min` without a filter, all of them with one, so that a filter never loses rows.
    pub probes_max: Option<usize>,
    /// Candidates per result whose distance is recomputed from the stored vectors. Default: enough
    /// for exact distances; 0 returns the estimates of the index as they are.
    pub refine_factor: Option<u32>,
    /// Only rows at this distance or farther.
    pub lower: Option<f32>,
    /// Only rows nearer than this.
    pub upper: Option<f32>,
    /// Compares with every row instead of using the index.
    pub bypass_index: bool,
    /// Leaves out rows that are newer than the index.
    pub fast_search: bool,
    /// Applies the filter to the nearest rows instead of looking for the nearest among the matching.
    /// May return fewer rows than match.
    pub postfilter: bool,
}

/// Partitions searched when the caller does not say.
pub const DEFAULT_PROBES: usize = 20;

/// Rows returned by a vector search when the caller does not say.
pub const DEFAULT_LIMIT: usize = 10;

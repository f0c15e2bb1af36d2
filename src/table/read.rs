//! Questions to a table.

use crate::error::Result;
use crate::filter::Filter;
use crate::progress::Progress;
use crate::query::{Plan, Request, count_rows};
use crate::table::Table;

/// A table's size.
#[derive(Debug, Clone)]
pub struct TableStats {
    /// Rows.
    pub rows: u64,
    /// Size of data and index files in bytes.
    pub bytes: u64,
    /// Indexes.
    pub indexes: usize,
    /// Rows of each segment, ascending.
    pub segment_rows: Vec<u64>,
}

impl TableStats {
    /// A segment with fewer rows is small: worth merging with others.
    const SMALL_SEGMENT_ROWS: u64 = 100_000;

    /// The length that the share `quantile` (0 to 1) of the segments does not exceed; 0 without segments.
    pub fn rows_at(&self, quantile: f64) -> f64 {
        let last = self.segment_rows.len().saturating_sub(1);
        let place = (quantile * last as f64).round() as usize;
        self.segment_rows.get(place).copied().unwrap_or(0) as f64
    }

    /// How many segments are worth merging with others.
    pub fn small_segments(&self) -> usize {
        self.segment_rows.iter().filter(|&&rows| rows < Self::SMALL_SEGMENT_ROWS).count()
    }
}

impl Table {
    /// Binds `request` to the newest version.
    ///
    /// ```no_run
    /// # use quiverdb::{connection::{ConnectOptions, Connection}, progress::Progress};
    /// use quiverdb::query::{Nearest, Request, Rows};
    ///
    /// # fn main() -> quiverdb::error::Result<()> {
    /// let table = Connection::connect("data", ConnectOptions::default())?.open_table("words")?;
    /// let nearest = Nearest { vectors: vec![vec![0.1; 100]], ..Nearest::default() };
    /// let request = Request { rows: Rows::Nearest(nearest), limit: Some(5), ..Request::default() };
    /// for batch in table.plan(&request)?.run(&Progress::none())? {
    ///     println!("{} rows", batch.num_rows());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn plan(&self, request: &Request) -> Result<Plan> {
        Plan::new(self.snapshot()?, request)
    }

    /// How many rows satisfy `filter`; without one, how many there are.
    pub fn count_rows(&self, filter: Option<&Filter>) -> Result<u64> {
        count_rows(&*self.snapshot()?, filter, &Progress::none())
    }

    /// The table's size.
    pub fn stats(&self) -> Result<TableStats> {
        let version = self.current()?;
        let mut segment_rows: Vec<u64> = version.segments().iter().map(|segment| segment.rows()).collect();
        segment_rows.sort_unstable();
        Ok(TableStats {
            rows: version.row_count(),
            bytes: version.total_bytes(),
            indexes: version.manifest().indexes.len(),
            segment_rows,
        })
    }
}

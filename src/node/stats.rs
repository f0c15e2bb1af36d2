//! What is known of tables and indexes, as JavaScript sees it.

use napi_derive::napi;

use crate::table::{IndexInfo, MeasuredRecall, RecallOptions, TableStats};

/// An index in a list of indexes.
#[napi(object)]
pub struct NativeIndexInfo {
    /// The index's name.
    pub name: String,
    /// IvfPq, IvfFlat, BTree, Bitmap or LabelList.
    pub index_type: String,
    /// The indexed column.
    pub columns: Vec<String>,
    /// The index's folder.
    pub index_uuid: String,
    /// Milliseconds since 1970.
    pub created_at: f64,
    /// Rows in the index.
    pub num_indexed_rows: f64,
    /// Rows newer than the index.
    pub num_unindexed_rows: f64,
    /// Size of its files.
    pub size_bytes: f64,
    /// Settings, times and devices, as JSON.
    pub details: String,
}

impl From<IndexInfo> for NativeIndexInfo {
    fn from(info: IndexInfo) -> Self {
        Self {
            index_type: match info.entry.kind.as_str() {
                "IVF_FLAT" => "IvfFlat".to_owned(),
                "BTREE" => "BTree".to_owned(),
                "BITMAP" => "Bitmap".to_owned(),
                "LABEL_LIST" => "LabelList".to_owned(),
                _ => "IvfPq".to_owned(),
            },
            columns: vec![info.entry.column.clone()],
            created_at: info.entry.created_ms as f64,
            num_indexed_rows: info.indexed_rows as f64,
            num_unindexed_rows: info.unindexed_rows as f64,
            size_bytes: info.size_bytes() as f64,
            details: info.entry.details.to_string(),
            index_uuid: info.entry.uuid,
            name: info.entry.name,
        }
    }
}

/// One index's statistics.
#[napi(object)]
pub struct NativeIndexStats {
    /// Rows in the index.
    pub num_indexed_rows: f64,
    /// Rows newer than the index.
    pub num_unindexed_rows: f64,
    /// IVF_PQ, IVF_FLAT, BTREE, BITMAP or LABEL_LIST.
    pub index_type: String,
    /// l2, cosine, dot or hamming; absent for a scalar index.
    pub distance_type: Option<String>,
    /// Segments of the index.
    pub num_indices: u32,
    /// Settings, times and devices, as JSON.
    pub details: String,
    /// Why it should be trained again.
    pub retrain: Option<String>,
}

impl From<IndexInfo> for NativeIndexStats {
    fn from(info: IndexInfo) -> Self {
        Self {
            num_indexed_rows: info.indexed_rows as f64,
            num_unindexed_rows: info.unindexed_rows as f64,
            details: info.entry.details.to_string(),
            index_type: info.entry.kind,
            distance_type: Some(info.entry.metric).filter(|metric| !metric.is_empty()),
            num_indices: 1,
            retrain: info.retrain,
        }
    }
}

/// A table's statistics.
#[napi(object)]
pub struct NativeTableStats {
    /// Size of data and index files.
    pub total_bytes: f64,
    /// Rows.
    pub num_rows: f64,
    /// Indexes.
    pub num_indices: u32,
    /// Segments.
    pub num_fragments: u32,
    /// Segments worth merging.
    pub num_small_fragments: u32,
    /// Rows per segment.
    pub lengths: NativeLengths,
}

/// How long the segments are, in rows.
#[napi(object)]
pub struct NativeLengths {
    /// Shortest.
    pub min: f64,
    /// Longest.
    pub max: f64,
    /// Average.
    pub mean: f64,
    /// A quarter are no longer.
    pub p25: f64,
    /// Half are no longer.
    pub p50: f64,
    /// Three quarters are no longer.
    pub p75: f64,
    /// 99 of 100 are no longer.
    pub p99: f64,
}

impl From<TableStats> for NativeTableStats {
    fn from(stats: TableStats) -> Self {
        let lengths = NativeLengths {
            min: stats.rows_at(0.0),
            max: stats.rows_at(1.0),
            mean: stats.rows as f64 / stats.segment_rows.len().max(1) as f64,
            p25: stats.rows_at(0.25),
            p50: stats.rows_at(0.5),
            p75: stats.rows_at(0.75),
            p99: stats.rows_at(0.99),
        };
        Self {
            total_bytes: stats.bytes as f64,
            num_rows: stats.rows as f64,
            num_indices: stats.indexes as u32,
            num_fragments: stats.segment_rows.len() as u32,
            num_small_fragments: stats.small_segments() as u32,
            lengths,
        }
    }
}

/// What `measureRecall` measures. `lib/table.ts` documents it.
#[napi(object)]
pub struct NativeRecallOptions {
    /// Neighbours per query.
    pub k: Option<u32>,
    /// Rows asked with.
    pub sample: Option<u32>,
    /// Partitions searched.
    pub nprobes: Option<u32>,
    /// Candidates reranked per neighbour.
    pub refine_factor: Option<u32>,
    /// The recall that queries ask for.
    pub target_recall: Option<f64>,
}

impl From<NativeRecallOptions> for RecallOptions {
    fn from(options: NativeRecallOptions) -> Self {
        let defaults = Self::default();
        Self {
            k: options.k.map_or(defaults.k, |k| k as usize),
            sample: options.sample.map_or(defaults.sample, |sample| sample as usize),
            probes: options.nprobes.map(|probes| probes as usize),
            refine_factor: options.refine_factor,
            target_recall: options.target_recall,
        }
    }
}

/// What `measureRecall` measured.
#[napi(object)]
pub struct NativeRecall {
    /// The share of true neighbours found.
    pub recall: f64,
    /// Rows asked with.
    pub queries: u32,
    /// Milliseconds of a query with the index.
    pub indexed_ms: NativeLatency,
    /// Milliseconds of an exact query.
    pub exact_ms: NativeLatency,
}

/// How long queries took, in milliseconds.
#[napi(object)]
pub struct NativeLatency {
    /// Half took no longer.
    pub median: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
}

impl From<MeasuredRecall> for NativeRecall {
    fn from(measured: MeasuredRecall) -> Self {
        Self {
            recall: measured.recall,
            queries: measured.queries as u32,
            indexed_ms: NativeLatency::of(&measured.indexed),
            exact_ms: NativeLatency::of(&measured.exact),
        }
    }
}

impl NativeLatency {
    /// Of times that are sorted.
    fn of(times: &[std::time::Duration]) -> Self {
        let at = |share: f64| {
            let place = (share * times.len().saturating_sub(1) as f64).round() as usize;
            times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        Self { median: at(0.5), p95: at(0.95) }
    }
}

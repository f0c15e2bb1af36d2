//! Query options as JavaScript passes them, and the request they mean.

use napi::bindgen_prelude::{BigUint64Array, Float64Array};
use napi_derive::napi;

use crate::distance::Metric;
use crate::error::{Error, Result};
use crate::node::condition::{self, NativeCondition};
use crate::query::{Nearest, OrderBy, Request, Rows, Select};

/// A query in the form that crosses from JavaScript in one call. `lib/query.ts` documents the options.
#[napi(object, object_to_js = false)]
pub struct NativeRequest {
    /// Query vectors, one after the other.
    pub vectors: Option<Float64Array>,
    /// How many query vectors `vectors` holds.
    pub vector_count: Option<u32>,
    /// The vector column.
    pub column: Option<String>,
    /// l2, cosine, dot or hamming.
    pub distance_type: Option<String>,
    /// Partitions searched at least.
    pub probes_min: Option<u32>,
    /// Partitions searched at most; 0 = unlimited.
    pub probes_max: Option<u32>,
    /// Candidates reranked per result.
    pub refine_factor: Option<u32>,
    /// Lower bound of the distance, inclusive.
    pub lower: Option<f64>,
    /// Upper bound of the distance, exclusive.
    pub upper: Option<f64>,
    /// Search exactly although there is an index.
    pub bypass_vector_index: Option<bool>,
    /// Leave out rows newer than the index.
    pub fast_search: Option<bool>,
    /// Filter the nearest instead of searching the filtered.
    pub postfilter: Option<bool>,
    /// Conditions that a row must all satisfy.
    pub filter: Option<Vec<NativeCondition>>,
    /// Selected columns.
    pub columns: Option<Vec<String>>,
    /// Selected expressions.
    pub expressions: Option<Vec<NativeExpression>>,
    /// Rows returned at most.
    pub limit: Option<f64>,
    /// Rows skipped first.
    pub offset: Option<f64>,
    /// The order of the rows.
    pub order_by: Option<Vec<NativeOrder>>,
    /// Add `_rowid`.
    pub with_row_id: Option<bool>,
    /// Milliseconds after which the query is given up.
    pub timeout_ms: Option<f64>,
    /// Positions to take.
    pub offsets: Option<Float64Array>,
    /// Row ids to take.
    pub row_ids: Option<BigUint64Array>,
}

/// A selected expression and the name of its result.
#[napi(object)]
pub struct NativeExpression {
    /// The name of the result's column.
    pub name: String,
    /// SQL.
    pub sql: String,
}

/// A column that decides the order of rows.
#[napi(object)]
pub struct NativeOrder {
    /// Its name.
    pub column: String,
    /// Least first.
    pub ascending: bool,
    /// Rows without a value first.
    pub nulls_first: bool,
}

impl NativeRequest {
    /// The time the caller allows, in milliseconds.
    pub(crate) fn timeout_ms(&self) -> Option<u64> {
        self.timeout_ms.map(|ms| ms as u64)
    }

    /// The request these options mean.
    pub(crate) fn into_request(mut self) -> Result<Request> {
        Ok(Request {
            filter: condition::filter(self.filter.take())?,
            limit: self.limit.map(|limit| limit as usize),
            offset: self.offset.unwrap_or(0.0) as usize,
            order_by: self.order_by.take().unwrap_or_default().into_iter().map(OrderBy::from).collect(),
            with_row_id: self.with_row_id.unwrap_or(false),
            select: self.select(),
            rows: self.rows()?,
        })
    }

    fn select(&self) -> Select {
        match (&self.columns, &self.expressions) {
            (Some(columns), _) => Select::Columns(columns.clone()),
            (None, Some(expressions)) => {
                Select::Expressions(expressions.iter().map(|e| (e.name.clone(), e.sql.clone())).collect())
            }
            (None, None) => Select::All,
        }
    }

    fn rows(&self) -> Result<Rows> {
        if let Some(offsets) = &self.offsets {
            return Ok(Rows::Offsets(offsets.iter().map(|&offset| offset as u64).collect()));
        }
        if let Some(row_ids) = &self.row_ids {
            return Ok(Rows::RowIds(row_ids.to_vec()));
        }
        match &self.vectors {
            Some(vectors) => self.nearest(vectors).map(Rows::Nearest),
            None => Ok(Rows::All),
        }
    }

    fn nearest(&self, vectors: &[f64]) -> Result<Nearest> {
        let dim = vectors.len() / (self.vector_count.unwrap_or(1) as usize).max(1);
        let metric = match &self.distance_type {
            None => None,
            Some(name) => Some(parse_metric(name)?),
        };
        Ok(Nearest {
            vectors: match dim {
                0 => vec![Vec::new()],
                _ => vectors.chunks(dim).map(<[f64]>::to_vec).collect(),
            },
            column: self.column.clone(),
            metric,
            probes_min: self.probes_min.map(|probes| probes as usize),
            probes_max: self.probes_max.map(|probes| if probes == 0 { usize::MAX } else { probes as usize }),
            refine_factor: self.refine_factor,
            lower: self.lower.map(|lower| lower as f32),
            upper: self.upper.map(|upper| upper as f32),
            bypass_index: self.bypass_vector_index.unwrap_or(false),
            fast_search: self.fast_search.unwrap_or(false),
            postfilter: self.postfilter.unwrap_or(false),
        })
    }
}

impl From<NativeOrder> for OrderBy {
    fn from(NativeOrder { column, ascending, nulls_first }: NativeOrder) -> Self {
        Self { column, ascending, nulls_first }
    }
}

/// A metric by its name in the API.
pub(crate) fn parse_metric(name: &str) -> Result<Metric> {
    Metric::parse(name).ok_or_else(|| {
        Error::invalid("distanceType", format!("'{name}'"), "it must be l2, cosine, dot or hamming")
    })
}

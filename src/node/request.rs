//! Query options as JavaScript passes them, and the request they mean.

use napi::bindgen_prelude::{BigUint64Array, Float64Array};
use napi_derive::napi;
use serde::Deserialize;

use crate::distance::Metric;
use crate::error::{Error, Result};
use crate::node::condition::{self, NativeCondition};
use crate::query::{Nearest, OrderBy, Request, Rows, Select};

/// A query in the form that crosses from JavaScript in one call: whatever is no array, as one string, because each
/// property costs as much as reading all of that. `lib/query.ts` documents the options.
#[napi(object, object_to_js = false)]
pub struct NativeRequest {
    /// [`Settings`] as JSON.
    pub settings: String,
    /// Query vectors, one after the other.
    pub vectors: Option<Float64Array>,
    /// How many query vectors `vectors` holds.
    pub vector_count: Option<u32>,
    /// Conditions that a row must all satisfy.
    pub filter: Option<Vec<NativeCondition>>,
    /// Positions to take.
    pub offsets: Option<Float64Array>,
    /// Row ids to take.
    pub row_ids: Option<BigUint64Array>,
}

/// What is asked for, as far as it is JSON: `QuerySettings` in `lib/native-types.ts`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    column: Option<String>,
    distance_type: Option<String>,
    target_recall: Option<f64>,
    probes_min: Option<usize>,
    /// 0 = unlimited.
    probes_max: Option<usize>,
    refine_factor: Option<u32>,
    lower: Option<f64>,
    upper: Option<f64>,
    bypass_vector_index: bool,
    fast_search: bool,
    postfilter: bool,
    columns: Option<Vec<String>>,
    expressions: Option<Vec<Alias>>,
    limit: Option<usize>,
    offset: usize,
    order_by: Vec<Ordering>,
    with_row_id: bool,
    timeout_ms: Option<u64>,
}

/// A selected expression and the name of its result.
#[derive(Deserialize)]
struct Alias {
    name: String,
    sql: String,
}

/// A column that decides the order of rows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ordering {
    column: String,
    ascending: bool,
    nulls_first: bool,
}

impl NativeRequest {
    /// The request, and the time that it may take, in milliseconds.
    pub(crate) fn into_request(self) -> Result<(Request, Option<u64>)> {
        let settings: Settings = serde_json::from_str(&self.settings).map_err(Error::internal)?;
        let timeout_ms = settings.timeout_ms;
        let rows = match (&self.offsets, &self.row_ids, &self.vectors) {
            (Some(offsets), ..) => Rows::Offsets(offsets.iter().map(|&offset| offset as u64).collect()),
            (_, Some(row_ids), _) => Rows::RowIds(row_ids.to_vec()),
            (.., Some(vectors)) => Rows::Nearest(settings.nearest(vectors, self.vector_count.unwrap_or(1))?),
            (None, None, None) => Rows::All,
        };
        let request = Request {
            filter: condition::filter(self.filter)?,
            limit: settings.limit,
            offset: settings.offset,
            order_by: settings.order_by.into_iter().map(OrderBy::from).collect(),
            with_row_id: settings.with_row_id,
            select: select(settings.columns, settings.expressions),
            rows,
        };
        Ok((request, timeout_ms))
    }
}

impl Settings {
    fn nearest(&self, vectors: &[f64], count: u32) -> Result<Nearest> {
        let dim = vectors.len() / (count as usize).max(1);
        Ok(Nearest {
            vectors: match dim {
                0 => vec![Vec::new()],
                _ => vectors.chunks(dim).map(<[f64]>::to_vec).collect(),
            },
            column: self.column.clone(),
            metric: self.distance_type.as_deref().map(parse_metric).transpose()?,
            target_recall: self.target_recall,
            probes_min: self.probes_min,
            probes_max: self.probes_max.map(|probes| if probes == 0 { usize::MAX } else { probes }),
            refine_factor: self.refine_factor,
            lower: self.lower.map(|lower| lower as f32),
            upper: self.upper.map(|upper| upper as f32),
            bypass_index: self.bypass_vector_index,
            fast_search: self.fast_search,
            postfilter: self.postfilter,
        })
    }
}

fn select(columns: Option<Vec<String>>, expressions: Option<Vec<Alias>>) -> Select {
    match (columns, expressions) {
        (Some(columns), _) => Select::Columns(columns),
        (None, Some(expressions)) => {
            Select::Expressions(expressions.into_iter().map(|Alias { name, sql }| (name, sql)).collect())
        }
        (None, None) => Select::All,
    }
}

impl From<Ordering> for OrderBy {
    fn from(Ordering { column, ascending, nulls_first }: Ordering) -> Self {
        Self { column, ascending, nulls_first }
    }
}

/// A metric by its name in the API.
pub(crate) fn parse_metric(name: &str) -> Result<Metric> {
    Metric::parse(name).ok_or_else(|| {
        Error::invalid("distanceType", format!("'{name}'"), "it must be l2, cosine, dot or hamming")
    })
}

//! Which column a search means, and by which metric it measures.

use std::sync::Arc;

use arrow::datatypes::Schema;

use crate::distance::{Metric, Query};
use crate::error::{Error, Result, dimensions};
use crate::index::{ElementKind, VectorColumn};
use crate::query::request::Nearest;
use crate::query::snapshot::Snapshot;

/// What a search is about.
pub(crate) struct Target {
    pub column_name: String,
    pub column: Arc<VectorColumn>,
    pub metric: Metric,
    pub queries: Vec<Query>,
}

/// Finds the column and the metric of a search, and prepares its query vectors.
///
/// # Errors
///
/// [`Error::InvalidArgument`] for query vectors that cannot be compared with anything,
/// [`Error::ColumnNotFound`] and [`Error::DimensionMismatch`] for columns that do not fit.
pub(crate) fn resolve(snapshot: &Snapshot, nearest: &Nearest) -> Result<Target> {
    let dim = check_vectors(&nearest.vectors)?;
    let column_name = match &nearest.column {
        Some(name) => column_name(snapshot.version().schema(), name),
        None => only_column(snapshot.version().schema(), dim)?,
    };
    let column = snapshot.vector_column(&column_name)?;
    if column.dim() != dim {
        return Err(Error::DimensionMismatch { column: column_name, expected: column.dim(), actual: dim });
    }
    let metric = choose_metric(snapshot, nearest, &column_name, &column)?;
    if metric == Metric::Hamming {
        check_bytes(&nearest.vectors)?;
    }
    let queries = nearest.vectors.iter().map(|vector| Query::new(metric, vector)).collect();
    Ok(Target { column_name, column, metric, queries })
}

fn check_vectors(vectors: &[Vec<f64>]) -> Result<usize> {
    let Some(first) = vectors.first() else {
        return Err(Error::invalid("query vectors", "an empty list", "at least one vector is needed"));
    };
    for vector in vectors {
        if vector.is_empty() {
            return Err(Error::invalid(
                "the query vector",
                "[]",
                "it must have as many values as the column",
            ));
        }
        if vector.len() != first.len() {
            let lengths = format!("{} values long where the first has {}", vector.len(), first.len());
            return Err(Error::invalid("a query vector", lengths, "all must be of one length"));
        }
        if let Some(position) = vector.iter().position(|value| !value.is_finite()) {
            return Err(Error::invalid(
                format!("value {position} of the query vector"),
                vector[position],
                "every value must be a finite number",
            ));
        }
    }
    Ok(first.len())
}

/// The name of the column that `name` means: one of another case, if there is none of this name and just one
/// of that. A name that means no column comes back as it is.
pub(crate) fn column_name(schema: &Schema, name: &str) -> String {
    if schema.field_with_name(name).is_ok() {
        return name.to_owned();
    }
    let mut alike = schema.fields().iter().filter(|field| field.name().eq_ignore_ascii_case(name));
    match (alike.next(), alike.next()) {
        (Some(field), None) => field.name().clone(),
        _ => name.to_owned(),
    }
}

/// The only vector column that `dim` values fit.
fn only_column(schema: &Schema, dim: usize) -> Result<String> {
    let columns: Vec<(&str, usize)> = schema
        .fields()
        .iter()
        .filter_map(|field| VectorColumn::is_vector(field).map(|(dim, _)| (field.name().as_str(), dim)))
        .collect();
    let fitting: Vec<&str> = columns.iter().filter(|column| column.1 == dim).map(|column| column.0).collect();
    match (fitting.as_slice(), columns.as_slice()) {
        ([name], _) => Ok((*name).to_owned()),
        ([], []) => Err(Error::invalid(
            "column",
            "not given",
            "the table has no vector column (a FixedSizeList of Float16, Float32, Float64, Int8 or UInt8)",
        )),
        ([], [(name, expected)]) => {
            Err(Error::DimensionMismatch { column: (*name).to_owned(), expected: *expected, actual: dim })
        }
        ([], _) => {
            let known: Vec<String> = columns.iter().map(|(name, dim)| format!("'{name}' ({dim})")).collect();
            Err(Error::invalid(
                "the query vector",
                format!("{dim} values long"),
                format!("no vector column has that many dimensions; there are {}", known.join(", ")),
            ))
        }
        (several, _) => Err(Error::invalid(
            "column",
            "not given",
            format!(
                "several columns fit a vector of {}: say which of {}",
                dimensions(dim),
                several.join(", ")
            ),
        )),
    }
}

fn choose_metric(
    snapshot: &Snapshot,
    nearest: &Nearest,
    column_name: &str,
    column: &VectorColumn,
) -> Result<Metric> {
    let is_bytes = column.element() == ElementKind::U8;
    if let Some(metric) = nearest.metric {
        if metric == Metric::Hamming && !is_bytes {
            return Err(Error::invalid(
                "distanceType",
                "hamming",
                format!(
                    "it counts bits, and column '{column_name}' does not store UInt8: use l2, cosine or dot"
                ),
            ));
        }
        return Ok(metric);
    }
    let indexed = snapshot.indexes().iter().rev().find(|index| index.entry().column == column_name);
    let metric = indexed.and_then(|index| Metric::parse(&index.entry().metric));
    Ok(metric.unwrap_or(if is_bytes { Metric::Hamming } else { Metric::L2 }))
}

fn check_bytes(vectors: &[Vec<f64>]) -> Result<()> {
    let is_byte = |value: &f64| value.fract() == 0.0 && (0.0..=255.0).contains(value);
    match vectors.iter().flatten().find(|value| !is_byte(value)) {
        Some(value) => Err(Error::invalid(
            "a value of the query vector",
            value,
            "for hamming every value must be a whole number from 0 to 255",
        )),
        None => Ok(()),
    }
}

//! What a file of rows says of its columns: between which values theirs lie, and how many rows have none.
//!
//! It stands in the file's footer, under a key of its own that other readers of Arrow files pass over. Values are
//! written as [`Keys`], long ones cut, so that bounds are never narrower than the values. Rows that were deleted
//! later are still counted.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::storage::keys::{KeyType, Keys, after_all_with};

/// The name of the statistics in the footer.
pub(super) const STATISTICS: &str = "quiverdb:statistics";

/// Bounds have at most so many bytes.
const BOUND_BYTES: usize = 32;

/// What is known of the values of one column.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// Rows without a value.
    pub nulls: u64,
    /// No value's key is less; `None` if no row has a value.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "hex")]
    pub min: Option<Vec<u8>>,
    /// No value's key is greater; `None` if no row has a value, or if no short key is as great.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "hex")]
    pub max: Option<Vec<u8>>,
}

impl ColumnStatistics {
    /// Of a column that is null in every one of `rows` rows.
    pub(super) fn all_null(rows: u64) -> Self {
        Self { nulls: rows, ..Self::default() }
    }

    /// Takes in the values of another batch.
    fn add(&mut self, keys: &Keys) {
        self.nulls += (0..keys.len()).filter(|&row| keys.is_null(row)).count() as u64;
        let Some((least, most)) = keys.extremes() else { return };
        let is_first = self.min.is_none();
        if self.min.as_ref().is_none_or(|min| least < *min) {
            self.min = Some(least);
        }
        if is_first || self.max.as_ref().is_some_and(|max| most > *max) {
            self.max = Some(most);
        }
    }

    /// With shorter bounds, if they are long.
    fn cut(self) -> Self {
        let min = self.min.map(|mut min| {
            min.truncate(BOUND_BYTES);
            min
        });
        Self { min, max: self.max.and_then(cut_up), ..self }
    }
}

/// A bound that is no less than `max`, and not long; `None` if there is none.
fn cut_up(mut max: Vec<u8>) -> Option<Vec<u8>> {
    if max.len() <= BOUND_BYTES {
        return Some(max);
    }
    max.truncate(BOUND_BYTES);
    after_all_with(max)
}

/// Collects the statistics of a file while its batches are written.
pub(super) struct Collector(Vec<Option<ColumnStatistics>>);

impl Collector {
    /// For the columns of `schema`, as far as their values have an order.
    pub fn new(schema: &Schema) -> Self {
        let columns = schema.fields().iter();
        Self(
            columns
                .map(|field| KeyType::of(field.data_type()).map(|_| ColumnStatistics::default()))
                .collect(),
        )
    }

    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        for (statistics, column) in self.0.iter_mut().zip(batch.columns()) {
            if let Some(statistics) = statistics {
                statistics.add(&Keys::new(column)?);
            }
        }
        Ok(())
    }

    /// The text for the footer.
    pub fn finish(self) -> Result<String> {
        let columns: Vec<_> = self.0.into_iter().map(|column| column.map(ColumnStatistics::cut)).collect();
        serde_json::to_string(&columns).map_err(Error::internal)
    }
}

/// The statistics of each of `columns` columns by the text in a footer.
pub(super) fn parse(text: &str, columns: usize) -> Result<Vec<Option<ColumnStatistics>>, String> {
    let found: Vec<Option<ColumnStatistics>> =
        serde_json::from_str(text).map_err(|error| format!("its statistics cannot be read: {error}"))?;
    if found.len() == columns { Ok(found) } else { Err("its statistics are of other columns".to_owned()) }
}

/// A key that may be missing, in hexadecimal.
mod hex {
    use serde::{Deserializer, Serializer};

    use crate::storage::schema::hex;

    pub fn serialize<S: Serializer>(key: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        hex::serialize(key.as_deref().unwrap_or_default(), to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        hex::deserialize(from).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BinaryArray, Float64Array, ListArray, StringArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn of(batches: &[ArrayRef]) -> Option<ColumnStatistics> {
        let batch =
            |column: &ArrayRef| RecordBatch::try_from_iter_with_nullable([("x", column.clone(), true)]);
        let mut collector = Collector::new(&batch(&batches[0]).unwrap().schema());
        batches.iter().for_each(|column| collector.add(&batch(column).unwrap()).unwrap());
        parse(&collector.finish().unwrap(), 1).unwrap().remove(0)
    }

    fn key(value: f64) -> Option<Vec<u8>> {
        let keys = Keys::new(&(Arc::new(Float64Array::from(vec![value])) as ArrayRef)).unwrap();
        Some(keys.with(0, <[u8]>::to_vec))
    }

    #[test]
    fn bounds_are_in_the_order_of_filters_over_all_batches() {
        let first = Float64Array::from(vec![Some(0.5), None, Some(-0.0)]);
        let second = Float64Array::from(vec![Some(-3.0), Some(f64::NAN), None]);
        let found = of(&[Arc::new(first), Arc::new(second)]).unwrap();

        assert_eq!(found, ColumnStatistics { nulls: 2, min: key(-3.0), max: key(f64::NAN) });
        assert_eq!(of(&[Arc::new(Float64Array::from(vec![-0.0]))]).unwrap().max, key(0.0));
    }

    #[test]
    fn long_bounds_are_cut_outwards() {
        let long = |last: &str| format!("{}{last}", "é".repeat(16));
        let texts = StringArray::from(vec![long("b"), long("a")]);
        let found = of(&[Arc::new(texts)]).unwrap();
        let (min, max) = (found.min.unwrap(), found.max.unwrap());
        assert!(min.as_slice() <= long("a").as_bytes() && max.as_slice() >= long("b").as_bytes());
        assert!(min.len() <= BOUND_BYTES && max.len() <= BOUND_BYTES);

        let full = BinaryArray::from(vec![&[0xFF; 40][..]]);
        let found = of(&[Arc::new(full)]).unwrap();
        assert_eq!((found.min.unwrap().len(), found.max), (BOUND_BYTES, None));
    }

    #[test]
    fn a_maximum_without_a_bound_stays_without_one() {
        let [full, small] =
            [&[0xFF; 40][..], b"a"].map(|bytes| Arc::new(BinaryArray::from(vec![bytes])) as ArrayRef);

        assert_eq!(of(&[full.clone(), small.clone()]).unwrap().max, None);
        assert_eq!(
            of(&[small, full]).unwrap(),
            ColumnStatistics { nulls: 0, min: Some(b"a".to_vec()), max: None }
        );
    }

    #[test]
    fn columns_without_values_or_without_an_order_have_no_bounds() {
        let nulls = of(&[Arc::new(StringArray::new_null(3))]).unwrap();
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]);

        assert_eq!(nulls, ColumnStatistics::all_null(3));
        assert_eq!(of(&[Arc::new(lists)]), None);
        assert!(parse("[null]", 2).is_err() && parse("[{}]", 1).is_err() && parse("[", 1).is_err());
        assert!(parse(r#"[{"nulls":0,"min":"0","max":"00"}]"#, 1).is_err());
    }
}

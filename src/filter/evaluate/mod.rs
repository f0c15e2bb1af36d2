//! Runs a bound expression over a record batch with arrow's kernels.

mod arithmetic;
mod case;
mod cast;
mod compare;
mod like;

pub(super) use arithmetic::{evaluate as evaluate_arithmetic, kernel as arithmetic_kernel};
pub(super) use compare::compare;
pub(super) use like::{similar_to, with_backslash};

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Datum, RecordBatch, RecordBatchOptions, UInt32Array, make_array,
    new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::{and_kleene, filter_record_batch, is_null, not, or_kleene, take};
use arrow::datatypes::{DataType, Schema};

use super::functions;
use super::node::{Kind, Node};
use crate::error::{Error, Result};

/// A column of values, or one value that stands for all rows.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Array(ArrayRef),
    Scalar(ArrayRef),
}

impl Value {
    pub fn array(&self) -> &ArrayRef {
        match self {
            Self::Array(array) | Self::Scalar(array) => array,
        }
    }

    pub fn is_scalar(&self) -> bool {
        matches!(self, Self::Scalar(_))
    }

    /// The same kind of value as `operands`: one for all rows if they all are.
    pub fn like(operands: &[&Value], array: ArrayRef) -> Self {
        if operands.iter().all(|operand| operand.is_scalar()) {
            Self::Scalar(array)
        } else {
            Self::Array(array)
        }
    }

    /// `rows` rows.
    pub fn into_array(self, rows: usize) -> Result<ArrayRef> {
        match self {
            Self::Array(array) => Ok(array),
            Self::Scalar(array) if rows == 1 => Ok(array),
            Self::Scalar(array) if array.is_null(0) => Ok(new_null_array(array.data_type(), rows)),
            Self::Scalar(array) => {
                take(&array, &UInt32Array::from(vec![0; rows]), None).map_err(Error::internal)
            }
        }
    }

    /// Applies `operation` to the values.
    pub fn map(self, operation: impl FnOnce(&ArrayRef) -> Result<ArrayRef>) -> Result<Self> {
        Ok(match self {
            Self::Array(array) => Self::Array(operation(&array)?),
            Self::Scalar(array) => Self::Scalar(operation(&array)?),
        })
    }
}

impl Datum for Value {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array().as_ref(), self.is_scalar())
    }
}

/// `node`'s value for every row of `batch`.
pub(super) fn evaluate(node: &Node, batch: &RecordBatch) -> Result<Value> {
    let rows = batch.num_rows();
    match &node.kind {
        Kind::Constant { value, .. } => Ok(Value::Scalar(value.clone())),
        Kind::Column { index, name } => column(batch, *index, name, &node.data_type).map(Value::Array),
        Kind::Field { parent, name } => evaluate(parent, batch)?.map(|parent| field(parent, name)),
        Kind::And(nodes) => junction(nodes, batch, Junction::And),
        Kind::Or(nodes) => junction(nodes, batch, Junction::Or),
        Kind::Not(operand) => evaluate(operand, batch)?.map(|value| boolean(not(value.as_boolean()))),
        Kind::IsNull(operand) => evaluate(operand, batch)?.map(|value| boolean(is_null(value))),
        Kind::Is { operand, value: wanted } => {
            evaluate(operand, batch)?.map(|value| Ok(is(value.as_boolean(), *wanted)))
        }
        Kind::Compare { operator, left, right } => compare::evaluate(*operator, left, right, batch),
        Kind::InSet { operand, set } => {
            per_distinct_value(operand, batch, |value| value.map(|value| Ok(Arc::new(set.contains(value)?))))
        }
        Kind::Like { operand, pattern, ignore_case } => like::evaluate(operand, pattern, *ignore_case, batch),
        Kind::Arithmetic { operator, left, right, sql } => arithmetic::evaluate(
            *operator,
            &evaluate(left, batch)?,
            &evaluate(right, batch)?,
            &node.data_type,
            sql,
        ),
        Kind::Negate { operand, sql } => {
            evaluate(operand, batch)?.map(|value| arithmetic::negate(value, sql))
        }
        Kind::Case { branches, otherwise } => {
            case::evaluate(branches, otherwise.as_deref(), &node.data_type, batch).map(Value::Array)
        }
        Kind::Cast { operand, on_failure, sql } => {
            evaluate(operand, batch)?.map(|value| cast::cast(value, &node.data_type, *on_failure, sql))
        }
        Kind::Call { function, arguments, sql } => {
            let values =
                arguments.iter().map(|argument| evaluate(argument, batch)).collect::<Result<Vec<_>>>()?;
            functions::call(function, values, rows, &node.data_type, sql)
        }
    }
}

/// A constant in place of `node` if all its operands are constants.
pub(super) fn fold(node: Node) -> Result<Node> {
    static ONE_ROW: LazyLock<Option<RecordBatch>> = LazyLock::new(|| {
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).ok()
    });
    let children = node.children();
    if node.is_constant()
        || matches!(node.kind, Kind::Column { .. })
        || !children.iter().all(|child| child.is_constant())
    {
        return Ok(node);
    }
    let batch = ONE_ROW.as_ref().ok_or_else(|| Error::internal("no batch without columns"))?;
    Ok(Node::constant(evaluate(&node, batch)?.into_array(1)?))
}

fn boolean(result: std::result::Result<BooleanArray, arrow::error::ArrowError>) -> Result<ArrayRef> {
    Ok(Arc::new(result.map_err(Error::internal)?))
}

fn column(batch: &RecordBatch, index: usize, name: &str, data_type: &DataType) -> Result<ArrayRef> {
    let schema = batch.schema_ref();
    let index = match schema.fields().get(index) {
        Some(field) if field.name() == name => index,
        _ => schema.index_of(name).map_err(|_| {
            Error::column_not_found(name, schema.fields().iter().map(|field| field.name().as_str()))
        })?,
    };
    let array = batch.column(index);
    if array.data_type() != data_type {
        return Err(Error::internal(format!(
            "column '{name}' is {}, expected {data_type}",
            array.data_type()
        )));
    }
    Ok(array.clone())
}

/// A struct's field; null where the struct is.
fn field(parent: &ArrayRef, name: &str) -> Result<ArrayRef> {
    let parent = parent.as_struct();
    let child = parent.column_by_name(name).ok_or_else(|| Error::internal(format!("no field '{name}'")))?;
    if parent.null_count() == 0 {
        return Ok(child.clone());
    }
    let nulls = NullBuffer::union(parent.nulls(), child.nulls());
    let data = child.to_data().into_builder().nulls(nulls).build().map_err(Error::internal)?;
    Ok(make_array(data))
}

/// Whether each row is `wanted`; false for null rows.
fn is(value: &BooleanArray, wanted: bool) -> ArrayRef {
    let matching = if wanted { value.values().clone() } else { !value.values() };
    let matching = match value.nulls() {
        Some(nulls) => &matching & nulls.inner(),
        None => matching,
    };
    Arc::new(BooleanArray::new(matching, None))
}

#[derive(Clone, Copy, PartialEq)]
enum Junction {
    And,
    Or,
}

impl Junction {
    fn join(self, left: &BooleanArray, right: &BooleanArray) -> Result<BooleanArray> {
        let joined = match self {
            Self::And => and_kleene(left, right),
            Self::Or => or_kleene(left, right),
        };
        joined.map_err(Error::internal)
    }

    /// The rows whose answer another operand can still change: all but false ones under AND.
    fn undecided(self, so_far: &BooleanArray) -> BooleanBuffer {
        let decided = is(so_far, self == Self::Or);
        !decided.as_boolean().values()
    }
}

/// AND and OR. What can fail is evaluated last, on the rows that still need it, so that
/// `kind = 'number' AND CAST(text AS INT) > 5` is safe in either order.
fn junction(nodes: &[Node], batch: &RecordBatch, junction: Junction) -> Result<Value> {
    let rows = batch.num_rows();
    let mut result: Option<BooleanArray> = None;
    let (safe, fallible): (Vec<&Node>, Vec<&Node>) = nodes.iter().partition(|node| !node.can_fail());
    for (node, can_fail) in
        safe.into_iter().map(|n| (n, false)).chain(fallible.into_iter().map(|n| (n, true)))
    {
        let Some(so_far) = result.take() else {
            result = Some(evaluate(node, batch)?.into_array(rows)?.as_boolean().clone());
            continue;
        };
        let undecided = junction.undecided(&so_far);
        let open = undecided.count_set_bits();
        if open == 0 {
            return Ok(Value::Array(Arc::new(so_far)));
        }
        let next = match can_fail && open < rows {
            true => evaluate_where(node, batch, &undecided)?,
            false => evaluate(node, batch)?.into_array(rows)?,
        };
        result = Some(junction.join(&so_far, next.as_boolean())?);
    }
    let result = result.ok_or_else(|| Error::internal("AND or OR without operands"))?;
    Ok(Value::Array(Arc::new(result)))
}

/// `node` on the rows of `mask`; null elsewhere.
pub(super) fn evaluate_where(node: &Node, batch: &RecordBatch, mask: &BooleanBuffer) -> Result<ArrayRef> {
    let mut columns = BTreeSet::new();
    node.collect_columns(&mut columns);
    let schema = batch.schema_ref();
    let projection: Vec<usize> = columns.iter().filter_map(|(_, name)| schema.index_of(name).ok()).collect();
    let narrow = batch.project(&projection).map_err(Error::internal)?;
    let picked =
        filter_record_batch(&narrow, &BooleanArray::new(mask.clone(), None)).map_err(Error::internal)?;
    let values = evaluate(node, &picked)?.into_array(picked.num_rows())?;
    let mut position = 0;
    let places: UInt32Array = (0..mask.len())
        .map(|row| {
            let place = mask.value(row).then_some(position);
            position += u32::from(mask.value(row));
            place
        })
        .collect();
    take(&values, &places, None).map_err(Error::internal)
}

/// Applies `predicate`, which gives null for null, to `operand`; for a dictionary column once for each
/// value of the dictionary instead of once for each row.
pub(super) fn per_distinct_value(
    operand: &Node,
    batch: &RecordBatch,
    predicate: impl FnOnce(Value) -> Result<Value>,
) -> Result<Value> {
    if let Kind::Cast { operand: encoded, .. } = &operand.kind
        && let DataType::Dictionary(_, values) = &encoded.data_type
        && **values == operand.data_type
        && let Value::Array(array) = evaluate(encoded, batch)?
        && let Some(dictionary) = array.as_any_dictionary_opt()
        && dictionary.values().len() <= array.len()
    {
        let answers =
            predicate(Value::Array(dictionary.values().clone()))?.into_array(dictionary.values().len())?;
        return take(&answers, dictionary.keys(), None).map(Value::Array).map_err(Error::internal);
    }
    predicate(evaluate(operand, batch)?)
}

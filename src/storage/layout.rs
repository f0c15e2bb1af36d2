//! Checks that the buffers of a record batch are where, and as long as, its columns need them.
//!
//! Arrow's decoder trusts the metadata of a batch once its own (slow) validation is off, and
//! panics on lengths that do not add up. This walk over the metadata reads no column data; what
//! the bytes in the buffers say is checked later, when a column is first touched.

use arrow::datatypes::{DataType, Schema};
use arrow::ipc;

/// Buffers begin at multiples of this in the file, so that vectors can be read in place.
pub(super) const ALIGNMENT: u64 = 64;

/// Where the body of a message lies in its file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body {
    pub start: u64,
    pub bytes: u64,
}

/// An error unless `batch` has `rows` rows of the columns of `schema`, all within `body`.
pub(super) fn check(
    batch: &ipc::RecordBatch<'_>,
    schema: &Schema,
    rows: u64,
    body: Body,
) -> Result<(), String> {
    if batch.compression().is_some() {
        return Err("a record batch is compressed".to_owned());
    }
    if unsigned(batch.length())? != rows {
        return Err(format!("a record batch has {} rows instead of {rows}", batch.length()));
    }
    let (Some(nodes), Some(buffers)) = (batch.nodes(), batch.buffers()) else {
        return Err("a record batch has no columns".to_owned());
    };
    if batch.variadicBufferCounts().is_some_and(|counts| !counts.is_empty()) {
        return Err("a record batch has views".to_owned());
    }
    let mut walk = Walk { nodes: nodes.iter(), buffers: buffers.iter(), body };
    for field in schema.fields() {
        walk.column(field.data_type(), Some(rows)).map_err(|e| format!("column '{}': {e}", field.name()))?;
    }
    match (walk.nodes.next(), walk.buffers.next()) {
        (None, None) => Ok(()),
        _ => Err("a record batch has more columns than its schema".to_owned()),
    }
}

/// The nodes and buffers that are still to come, in the order of the columns, depth first.
struct Walk<N, B> {
    nodes: N,
    buffers: B,
    body: Body,
}

impl<'a, N, B> Walk<N, B>
where
    N: Iterator<Item = &'a ipc::FieldNode>,
    B: Iterator<Item = &'a ipc::Buffer>,
{
    /// Checks one column with all its children; `rows` is `None` where any number will do.
    fn column(&mut self, data_type: &DataType, rows: Option<u64>) -> Result<(), String> {
        use DataType::*;
        let node = self.nodes.next().ok_or("its length is missing")?;
        let (length, nulls) = (unsigned(node.length())?, unsigned(node.null_count())?);
        if rows.is_some_and(|rows| rows != length) || nulls > length {
            return Err(format!("{length} values with {nulls} nulls do not fill {rows:?} rows"));
        }
        if data_type == &Null {
            return if nulls == length { Ok(()) } else { Err("not all values are null".to_owned()) };
        }
        let validity = self.buffer()?;
        if nulls > 0 {
            at_least(validity, length.div_ceil(8))?;
        }
        match data_type {
            Boolean => at_least(self.buffer()?, length.div_ceil(8)),
            FixedSizeBinary(size) => self.values(length, u64::try_from(*size).ok()),
            Utf8 | Binary => self.offsets(length, 4).and_then(|()| self.buffer().map(|_| ())),
            LargeUtf8 | LargeBinary => self.offsets(length, 8).and_then(|()| self.buffer().map(|_| ())),
            List(child) | Map(child, _) => {
                self.offsets(length, 4).and_then(|()| self.column(child.data_type(), None))
            }
            LargeList(child) => self.offsets(length, 8).and_then(|()| self.column(child.data_type(), None)),
            FixedSizeList(child, size) => {
                let size = u64::try_from(*size).map_err(|e| e.to_string())?;
                self.column(child.data_type(), Some(length.checked_mul(size).ok_or("its length overflows")?))
            }
            Struct(children) => {
                children.iter().try_for_each(|child| self.column(child.data_type(), Some(length)))
            }
            Dictionary(keys, _) => self.values(length, width(keys)),
            plain => self.values(length, width(plain)),
        }
    }

    /// A buffer of `length` values of `width` bytes.
    fn values(&mut self, length: u64, width: Option<u64>) -> Result<(), String> {
        let width = width.ok_or("its type cannot be stored")?;
        at_least(self.buffer()?, length.checked_mul(width).ok_or("its length overflows")?)
    }

    /// A buffer of `length + 1` offsets, or none for no values.
    fn offsets(&mut self, length: u64, width: u64) -> Result<(), String> {
        let needed =
            length.checked_add(1).and_then(|n| n.checked_mul(width)).ok_or("its length overflows")?;
        match self.buffer()? {
            0 if length == 0 => Ok(()),
            bytes => at_least(bytes, needed),
        }
    }

    /// The length of the next buffer, once it is known to lie within the body.
    fn buffer(&mut self) -> Result<u64, String> {
        let buffer = self.buffers.next().ok_or("a buffer is missing")?;
        let (offset, bytes) = (unsigned(buffer.offset())?, unsigned(buffer.length())?);
        if offset.checked_add(bytes).is_none_or(|end| end > self.body.bytes) {
            return Err("a buffer reaches beyond its record batch".to_owned());
        }
        if !(self.body.start + offset).is_multiple_of(ALIGNMENT) {
            return Err("a buffer is not aligned".to_owned());
        }
        Ok(bytes)
    }
}

fn width(data_type: &DataType) -> Option<u64> {
    data_type.primitive_width().and_then(|bytes| u64::try_from(bytes).ok())
}

fn at_least(bytes: u64, needed: u64) -> Result<(), String> {
    if bytes >= needed { Ok(()) } else { Err(format!("a buffer has {bytes} bytes instead of {needed}")) }
}

pub(super) fn unsigned(number: i64) -> Result<u64, String> {
    u64::try_from(number).map_err(|_| format!("a length is {number}"))
}

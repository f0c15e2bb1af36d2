//! Which columns a result has, and how to make them from a table's rows.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Int32Array, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::error::{Error, Result};
use crate::filter::Expression;
use crate::query::request::Select;

/// The column that holds a row's distance to the query.
pub const DISTANCE: &str = "_distance";
/// The column that holds a row's stable id.
pub const ROW_ID: &str = "_rowid";
/// The column that says which of several query vectors a row belongs to.
pub const QUERY_INDEX: &str = "query_index";

/// The rows of a table that a result is made from, with what the search found out about them.
pub(crate) struct Found {
    /// The table's columns that [`Projection::reads`] names, in that order.
    pub rows: RecordBatch,
    pub row_ids: UInt64Array,
    pub distances: Option<Float32Array>,
    pub query_indexes: Option<Int32Array>,
}

/// The columns of a result.
#[derive(Debug)]
pub(crate) struct Projection {
    columns: Vec<Column>,
    schema: SchemaRef,
    reads: Vec<usize>,
}

#[derive(Debug)]
enum Column {
    /// A column of the table, by its place among those read.
    Stored(usize),
    Computed(Expression),
    RowId,
    Distance,
    QueryIndex,
}

/// What a search adds to the columns of the table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extras {
    pub row_id: bool,
    pub distance: bool,
    pub query_index: bool,
}

impl Projection {
    /// Binds `select` to a table of this schema.
    ///
    /// # Errors
    ///
    /// [`Error::ColumnNotFound`] for a name that is neither a column nor a field of one, and whatever
    /// [`Expression::parse`] finds wrong.
    pub fn new(select: &Select, table: &SchemaRef, extras: Extras) -> Result<Self> {
        let named: Vec<(String, Source)> = match select {
            Select::All => {
                (0..table.fields().len()).map(|i| (table.field(i).name().clone(), Source::Table(i))).collect()
            }
            Select::Columns(names) => names
                .iter()
                .map(|name| Ok((name.clone(), resolve(name, table, extras)?)))
                .collect::<Result<_>>()?,
            Select::Expressions(aliases) => aliases
                .iter()
                .map(|(alias, sql)| {
                    check_alias(alias, sql, extras)?;
                    Ok((
                        alias.clone(),
                        Source::Expression(Expression::parse(sql, &with_extras(table, extras))?),
                    ))
                })
                .collect::<Result<Vec<_>>>()?,
        };
        check_unique(&named)?;
        Ok(Self::bind(add_extras(named, extras), table))
    }

    fn bind(named: Vec<(String, Source)>, table: &SchemaRef) -> Self {
        let reads: BTreeSet<usize> = named
            .iter()
            .flat_map(|(_, source)| match source {
                Source::Table(index) => vec![*index],
                // An expression may read `_distance`, which lies past the table's columns.
                Source::Expression(expression) => expression
                    .columns()
                    .iter()
                    .copied()
                    .filter(|&index| index < table.fields().len())
                    .collect(),
                _ => Vec::new(),
            })
            .collect();
        let reads: Vec<usize> = reads.into_iter().collect();

        let mut fields = Vec::with_capacity(named.len());
        let mut columns = Vec::with_capacity(named.len());
        for (name, source) in named {
            let (field, column) = match source {
                Source::Table(index) => (
                    table.field(index).clone().with_name(name),
                    Column::Stored(reads.partition_point(|&read| read < index)),
                ),
                Source::Expression(expression) => {
                    (Field::new(name, expression.data_type().clone(), true), Column::Computed(expression))
                }
                Source::RowId => (row_id_field(), Column::RowId),
                Source::Distance => (distance_field(), Column::Distance),
                Source::QueryIndex => (Field::new(QUERY_INDEX, DataType::Int32, false), Column::QueryIndex),
            };
            fields.push(field);
            columns.push(column);
        }
        let schema = Arc::new(Schema::new_with_metadata(fields, table.metadata().clone()));
        Self { columns, schema, reads }
    }

    /// The columns of the result.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The columns of the table that the result needs, ascending.
    pub fn reads(&self) -> &[usize] {
        &self.reads
    }

    /// Makes the result's columns.
    pub fn apply(&self, found: &Found) -> Result<RecordBatch> {
        let scope = if self.columns.iter().any(|column| matches!(column, Column::Computed(_))) {
            Some(scope(found)?)
        } else {
            None
        };
        let columns = self
            .columns
            .iter()
            .map(|column| -> Result<ArrayRef> {
                Ok(match column {
                    Column::Stored(index) => found.rows.column(*index).clone(),
                    Column::Computed(expression) => {
                        expression.evaluate(scope.as_ref().expect("made above for computed columns"))?
                    }
                    Column::RowId => Arc::new(found.row_ids.clone()),
                    Column::Distance => Arc::new(found.distances.clone().ok_or_else(|| missing(DISTANCE))?),
                    Column::QueryIndex => {
                        Arc::new(found.query_indexes.clone().ok_or_else(|| missing(QUERY_INDEX))?)
                    }
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(found.row_ids.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(Error::internal)
    }
}

/// Where a column of the result comes from, before it is known which columns are read.
enum Source {
    Table(usize),
    Expression(Expression),
    RowId,
    Distance,
    QueryIndex,
}

fn resolve(name: &str, table: &SchemaRef, extras: Extras) -> Result<Source> {
    if let Ok(index) = table.index_of(name) {
        return Ok(Source::Table(index));
    }
    match name {
        ROW_ID => return Ok(Source::RowId),
        DISTANCE if extras.distance => return Ok(Source::Distance),
        QUERY_INDEX if extras.query_index => return Ok(Source::QueryIndex),
        _ => {}
    }
    // `a.b` is a field of a struct; anything else that is not a name of a column is a mistake, not SQL.
    let first = name.split('.').next().unwrap_or_default();
    if name.contains('.') && table.index_of(first).is_ok() {
        let quoted: Vec<String> =
            name.split('.').map(|part| format!("`{}`", part.replace('`', "``"))).collect();
        return Ok(Source::Expression(Expression::parse(&quoted.join("."), table)?));
    }
    let available = table.fields().iter().map(|field| field.name().as_str());
    let special = [ROW_ID].into_iter().chain(extras.distance.then_some(DISTANCE));
    Err(Error::column_not_found(name, available.chain(special)))
}

/// An expression cannot take the name of a column that the search itself adds.
fn check_alias(alias: &str, sql: &str, extras: Extras) -> Result<()> {
    let added = [(DISTANCE, extras.distance), (ROW_ID, extras.row_id), (QUERY_INDEX, extras.query_index)];
    if alias != sql.trim() && added.contains(&(alias, true)) {
        let value = format!("'{alias}' for the expression \"{sql}\"");
        return Err(Error::invalid("select", value, "the search adds a column of this name; choose another"));
    }
    Ok(())
}

fn check_unique(named: &[(String, Source)]) -> Result<()> {
    let mut names = HashSet::new();
    match named.iter().find(|(name, _)| !names.insert(name)) {
        Some((name, _)) => Err(Error::invalid(
            "select",
            format!("a list with '{name}' twice"),
            "it must name each column once",
        )),
        None => Ok(()),
    }
}

/// `query_index` comes first, `_rowid` and `_distance` last, unless they were selected by name.
fn add_extras(mut named: Vec<(String, Source)>, extras: Extras) -> Vec<(String, Source)> {
    let has = |named: &[(String, Source)], name: &str| named.iter().any(|(other, _)| other == name);
    if extras.query_index && !has(&named, QUERY_INDEX) {
        named.insert(0, (QUERY_INDEX.to_owned(), Source::QueryIndex));
    }
    if extras.row_id && !has(&named, ROW_ID) {
        named.push((ROW_ID.to_owned(), Source::RowId));
    }
    if extras.distance && !has(&named, DISTANCE) {
        named.push((DISTANCE.to_owned(), Source::Distance));
    }
    named
}

/// The names an expression may use: the table's columns, and what the search adds.
fn with_extras(table: &SchemaRef, extras: Extras) -> Schema {
    let added = [Some(row_id_field()), extras.distance.then(distance_field)];
    let fields = table.fields().iter().map(|field| field.as_ref().clone()).chain(added.into_iter().flatten());
    Schema::new(fields.collect::<Vec<_>>())
}

/// The batch that expressions are evaluated on.
fn scope(found: &Found) -> Result<RecordBatch> {
    let mut fields: Vec<Arc<Field>> = found.rows.schema().fields().iter().cloned().collect();
    let mut columns = found.rows.columns().to_vec();
    fields.push(Arc::new(row_id_field()));
    columns.push(Arc::new(found.row_ids.clone()));
    if let Some(distances) = &found.distances {
        fields.push(Arc::new(distance_field()));
        columns.push(Arc::new(distances.clone()));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(Error::internal)
}

fn row_id_field() -> Field {
    Field::new(ROW_ID, DataType::UInt64, false)
}

fn distance_field() -> Field {
    Field::new(DISTANCE, DataType::Float32, true)
}

fn missing(name: &str) -> Error {
    Error::internal(format!("the result should have a column {name}, but nothing computed it"))
}

//! Changes of columns, as JavaScript asks for them.

use napi::Env;
use napi::bindgen_prelude::{Object, Uint8Array};
use napi_derive::napi;

use crate::error::Result;
use crate::node::ipc;
use crate::node::job::{Pool, promise};
use crate::node::table::NativeTable;
use crate::progress::Progress;
use crate::table::{Alteration, NewColumn, NewType};

/// A column that is computed.
#[napi(object)]
pub struct NativeNewColumn {
    /// Its name.
    pub name: String,
    /// Its value in SQL.
    pub sql: String,
}

/// What becomes of a column.
#[napi(object)]
pub struct NativeAlteration {
    /// The column.
    pub column: String,
    /// Another name.
    pub rename: Option<String>,
    /// Whether it allows nulls.
    pub nullable: Option<bool>,
    /// The name of another type.
    pub type_name: Option<String>,
    /// Another type: an IPC stream without batches, whose one column has it.
    pub type_ipc: Option<Uint8Array>,
}

impl NativeAlteration {
    fn into_alteration(self) -> Result<Alteration> {
        let given = match self.type_ipc {
            Some(stream) => ipc::read(&stream)?.0.fields().first().map(|field| field.data_type().clone()),
            None => None,
        };
        let data_type = given.map(NewType::Arrow).or(self.type_name.map(NewType::Name));
        Ok(Alteration { column: self.column, rename: self.rename, nullable: self.nullable, data_type })
    }
}

/// Columns in SQL, then those that are the fields of a schema.
fn new_columns(computed: Vec<NativeNewColumn>, schema_ipc: Option<Uint8Array>) -> Result<Vec<NewColumn>> {
    let computed = computed.into_iter().map(|column| NewColumn::Sql { name: column.name, sql: column.sql });
    let mut columns: Vec<NewColumn> = computed.collect();
    if let Some(stream) = schema_ipc {
        columns.extend(ipc::read(&stream)?.0.fields().iter().cloned().map(NewColumn::Empty));
    }
    Ok(columns)
}

#[napi]
impl NativeTable {
    /// Adds columns: computed ones, and empty ones for the fields of a schema.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn add_columns<'env>(
        &self,
        env: &'env Env,
        computed: Vec<NativeNewColumn>,
        schema_ipc: Option<Uint8Array>,
    ) -> napi::Result<Object<'env>> {
        let table = self.table();
        let columns = new_columns(computed, schema_ipc);
        promise(env, Pool::Writes, move || Ok(table?.add_columns(&columns?, &Progress::none())? as f64))
    }

    /// Gives columns other names or types, or says whether they allow nulls.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn alter_columns<'env>(
        &self,
        env: &'env Env,
        alterations: Vec<NativeAlteration>,
    ) -> napi::Result<Object<'env>> {
        let table = self.table();
        let alterations: Result<Vec<Alteration>> =
            alterations.into_iter().map(NativeAlteration::into_alteration).collect();
        promise(env, Pool::Writes, move || Ok(table?.alter_columns(&alterations?, &Progress::none())? as f64))
    }

    /// Takes columns out of the table.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn drop_columns<'env>(&self, env: &'env Env, columns: Vec<String>) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Writes, move || Ok(table?.drop_columns(&columns)? as f64))
    }
}

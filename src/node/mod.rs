//! What JavaScript sees. Methods convert arguments, start a job, and convert its result; they decide
//! nothing. `lib/` makes this pleasant to use.

mod accelerators;
mod changes;
mod columns;
mod condition;
mod connection;
mod index;
mod ipc;
mod job;
mod plain;
mod request;
mod rows;
mod standby;
mod stats;
mod stream;
mod table;
mod to_js;
mod upkeep;
mod versions;
mod writer;

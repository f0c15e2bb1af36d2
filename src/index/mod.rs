//! Indexes: where the rows nearest to a query probably are.

pub mod ivf_pq;

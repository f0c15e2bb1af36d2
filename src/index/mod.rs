//! Finding near rows without reading all of them.

pub mod ivf_pq;

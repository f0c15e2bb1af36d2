//! Indexes as a whole.

//! Model facts.

//! What holds across all formats: golden transcripts of every pair, laws of every reader and writer, and
//! what a translation allocates.

mod laws;
mod pairs;

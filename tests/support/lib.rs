//! What the end-to-end tests share: the real binary as a child process, and scripted upstreams.

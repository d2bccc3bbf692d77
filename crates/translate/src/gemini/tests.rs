//! The laws of this format, and what went wrong in other proxies.

//! How often the server allocates for a key request, the whole way (TLS, HTTP, gate, key), and that it
//! asks nobody.
//!
//! A binary of its own, since it counts all that its process allocates. Must not know: where the
//! allocations are made.

#[cfg(test)]
mod count;
#[cfg(test)]
mod served;
#[cfg(test)]
mod service;

#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

//! `andon`: everything is in the library; here is only the allocator and the way in.

use std::process::ExitCode;

/// Gives memory back sooner, and costs less per alert, than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    andon::cli::run()
}

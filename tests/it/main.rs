//! All tests that look at the program from outside, as one binary.

mod cases;
mod crash;
mod dependency_policy;
mod e2e_prometheus;
mod flags;
mod layering;
mod plant_routes;
mod plant_shift;
mod start_stop;
mod support;

//! All tests that look at the program from outside, as one binary.

mod cases;
mod cmms;
mod crash;
mod damaged_store;
mod dashboards;
mod demo;
mod dependency_policy;
mod differential;
mod differential_mail;
mod disk;
mod disk_faults;
mod e2e_prometheus;
mod flags;
mod layering;
mod mail;
mod monitoring;
mod page;
mod plant_database;
mod plant_orders;
mod plant_routes;
mod plant_shift;
mod power_loss;
mod receivers;
mod start_stop;
mod store_commands;
mod support;

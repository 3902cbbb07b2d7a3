//! The configuration file: parsed strictly, every error at once, resolved into a policy and settings.

pub mod secret;
pub mod settings;

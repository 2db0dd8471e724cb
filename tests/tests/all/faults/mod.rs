//! What goes wrong at a plant and in the cloud, done to real processes: each
//! fault has a clear message, and loses nothing that is still on disk or in the
//! cloud.

mod certificates;
mod clock;
mod cloned;
mod damage;
mod full_disk;
mod holds;
pub mod lab;
mod nonsense;
mod random;
mod restored_agent;
mod restored_cloud;

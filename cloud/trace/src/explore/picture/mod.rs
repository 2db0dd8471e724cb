//! A genealogy as a picture that stays readable at ten thousand units: what is alike
//! (one level, one item) is one box, opened on demand into a page of its members.

mod draw;
mod group;
mod service;

pub use draw::{Corner, Drawing, Stroke, draw};
pub use group::{
    Level, Line, MOST_GROUPS, MOST_OPEN, MembersOf, Node, PAGE, Picture, Shape, Unit, group, opened,
};
pub use service::{Pictured, Wish, picture_in};

//! The shell as a browser and a program meet it, over a real database.

mod client;
mod frame;
mod hang_up;
mod rates;
mod sign_in;

//! The UID of Tracewright: what is printed on every traced thing, and its key.
//!
//! ```text
//! UID-{TENANT}-{PLANT}-{TYPE}-{SEQUENCE}-{CHECKSUM}        UID-SAIF-KOL-RM-000001-A7
//! ```
//!
//! One file per subject: [`Uid`] is the text, parsed and written; [`Key`] the
//! `i64` that stands for it inside one tenant; [`parse_scan`] takes what a
//! scanner sent; [`Uid::serial`] and [`Uid::from_serial`] are the GS1 form;
//! [`key_ranges`] turns the beginning of a UID into ranges of keys;
//! [`checksum`] is the CRC-8 behind it all. There is one canonical text per
//! UID: parsing accepts no other, and nothing here allocates but the list that
//! [`key_ranges`] returns.
//!
//! ```
//! use uid::{Key, Uid};
//! let uid: Uid = "UID-SAIF-KOL-RM-000001-A7".parse()?;
//! assert_eq!(uid.key().get(), 3_474_027_400_000_000_001);
//! assert_eq!(Uid::from_key(uid.tenant(), uid.key()), uid);
//! # Ok::<(), uid::UidError>(())
//! ```

mod checksum;
mod code;
mod error;
mod gs1;
mod judge;
mod key;
mod prefix;
mod scan;
mod short_text;
mod text;

pub use checksum::{ALGORITHM, checksum};
pub use code::{PlantCode, TenantCode, TypeCode};
pub use error::{Expected, Fault, UidError};
pub use judge::judge;
pub use key::Key;
pub use prefix::{key_ranges, key_ranges_in};
pub use scan::{Form, Scanned, clean_scan, parse_scan};
pub use short_text::ShortText;
pub use text::{MAX_SEQUENCE, Uid};

//! From a rule's reply to the answer that is shown.

use crate::inputs::{Answer, Colour};
use crate::station::types::Reply;

/// Says a message in a language.
pub trait Speaker: Send + Sync + 'static {
    /// The text of `code` in a two-letter `language`, with its arguments filled
    /// in. Falls back to English, then to the code; never fails.
    fn say(&self, language: &str, code: &str, args: &[(String, String)]) -> String;
}

/// Says the code itself, for tests and where no texts are at hand.
#[derive(Debug, Clone, Copy, Default)]
pub struct CodeSpeaker;

impl Speaker for CodeSpeaker {
    fn say(&self, _language: &str, code: &str, _args: &[(String, String)]) -> String {
        code.to_owned()
    }
}

impl Speaker for crate::messages::Fluent {
    fn say(&self, language: &str, code: &str, args: &[(String, String)]) -> String {
        Self::say(language, code, args)
    }
}

/// The answer to one input.
pub(super) fn answer(
    speaker: &dyn Speaker,
    language: &str,
    reply: Reply,
    input_id: &str,
    recorded: bool,
) -> Answer {
    let next = match reply.next.as_str() {
        "" => String::new(),
        code => speaker.say(language, code, &reply.args),
    };
    Answer {
        colour: reply.colour,
        what: speaker.say(language, &reply.code, &reply.args),
        code: reply.code,
        args: reply.args,
        next,
        language: language.to_owned(),
        input_id: input_id.to_owned(),
        recorded,
    }
}

/// A red answer of the engine itself; nothing was recorded.
pub(super) fn red(
    speaker: &dyn Speaker,
    language: &str,
    code: &str,
    args: Vec<(String, String)>,
    input_id: &str,
) -> Answer {
    let reply =
        Reply { colour: Colour::Red, code: code.to_owned(), next: "next.call-supervisor".to_owned(), args };
    answer(speaker, language, reply, input_id, false)
}

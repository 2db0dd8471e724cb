//! Kinds under headings, so that a person finds one among many.

use super::Kind;
use crate::i18n::Texts;

/// What is there of each kind, under the headings of the kinds, in the order in which the
/// headings come first. What has none stands under one of its own, last.
pub(super) fn grouped<T>(
    texts: &Texts,
    all: impl IntoIterator<Item = T>,
    kind: impl Fn(&T) -> &Kind,
) -> Vec<(String, Vec<T>)> {
    let mut groups: Vec<(String, Vec<T>)> = Vec::new();
    let mut others = Vec::new();
    for one in all {
        let key = kind(&one).group_key();
        if !texts.has(&key) {
            others.push(one);
            continue;
        }
        let heading = texts.t(&key);
        match groups.iter_mut().find(|(there, _)| *there == heading) {
            Some((_, group)) => group.push(one),
            None => groups.push((heading, vec![one])),
        }
    }
    if !others.is_empty() {
        groups.push((texts.t("notice-group-other"), others));
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::i18n::{I18n, Lang};

    #[test]
    fn kinds_stand_under_the_headings_of_their_nouns() {
        let source = "notice-group-plan = Plan\nnotice-group-trial = Plan\nnotice-group-hold = Holds\n\
                      notice-group-other = Other";
        let texts = Texts::new(Arc::new(I18n::new().with(Lang::En, source)), Lang::Te);
        let codes = ["plan.events", "odd.one", "hold.placed", "trial.ends", "hold.gap"];
        let groups = grouped(&texts, codes.map(Kind::shown), |kind| kind);
        let told: Vec<_> = groups
            .iter()
            .map(|(heading, kinds)| {
                (heading.as_str(), kinds.iter().map(|kind| kind.code).collect::<Vec<_>>())
            })
            .collect();
        let wanted = [
            ("Plan", vec!["plan.events", "trial.ends"]),
            ("Holds", vec!["hold.placed", "hold.gap"]),
            ("Other", vec!["odd.one"]),
        ];
        assert_eq!(told, wanted);
    }
}

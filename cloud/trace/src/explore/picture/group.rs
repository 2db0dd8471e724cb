//! Groups units of a walk into boxes. Pure.

use std::collections::{BTreeMap, HashMap};

use platform::web::escaped;
use serde::Serialize;
use utoipa::ToSchema;

use crate::genealogy::Link as Edge;

/// Most boxes of one level before the small ones go into one box together.
pub const MOST_GROUPS: usize = 20;
/// Most boxes of a level whose small ones were asked for.
const MOST_GROUPS_OPEN: usize = 200;
/// Most groups that are open at a time.
pub const MOST_OPEN: usize = 6;
/// Members that an open group shows at a time.
pub const PAGE: usize = 12;
/// Most lines of a picture.
const MOST_LINES: usize = 2_000;

/// A unit of a walk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// Key.
    pub key: i64,
    /// Canonical text.
    pub uid: String,
    /// Steps from the beginning.
    pub level: i32,
    /// Two characters of the UID.
    pub kind: String,
    /// Item code; empty when not known.
    pub item: String,
    /// Plant where it is, or was last.
    pub plant: String,
    /// Something holds it.
    pub held: bool,
    /// It was rejected.
    pub rejected: bool,
    /// It was scrapped.
    pub scrapped: bool,
    /// It lies on a cycle.
    pub cyclic: bool,
}

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The unit where the walk began.
    Start,
    /// Units of one item at one level.
    Group,
    /// One unit.
    Unit,
    /// The members of an open group that are not on this page.
    Rest,
    /// All small groups of a level together.
    Others,
}

impl Shape {
    /// Its name in texts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Group => "group",
            Self::Unit => "unit",
            Self::Rest => "rest",
            Self::Others => "others",
        }
    }
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Node {
    /// What it stands for.
    pub shape: Shape,
    /// Of a group, of its rest and of the others the name by which to open it.
    pub id: String,
    /// Level.
    pub level: i32,
    /// Two characters of the UIDs; empty of the others.
    pub kind: String,
    /// Item code; empty when not known, and of the others.
    pub item: String,
    /// Of a unit which.
    pub uid: Option<String>,
    /// Of a unit the plant where it is, or was last.
    pub plant: String,
    /// How many units.
    pub count: usize,
    /// Of the others how many groups.
    pub groups: usize,
    /// How many of them are held …
    pub held: usize,
    /// … rejected …
    pub rejected: usize,
    /// … scrapped …
    pub scrapped: usize,
    /// … or on a cycle, which only bad data makes.
    pub cyclic: usize,
    /// Of a member, and of the rest, the group that is open.
    pub member_of: Option<String>,
    /// Of the rest: `open` with which its next page is shown; null on the last page.
    pub next: Option<String>,
}

/// A level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Level {
    /// Steps from the beginning; 0 the beginning itself.
    pub level: i32,
    /// How many units.
    pub count: usize,
    /// Places of its boxes in [`Picture::nodes`].
    pub nodes: Vec<usize>,
}

/// A line: the links between the units of two boxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    /// The nearer box, by its place in `nodes`.
    pub from: usize,
    /// The farther box.
    pub to: usize,
    /// How many links.
    pub links: usize,
    /// How many of them were taken out again.
    pub closed: usize,
}

/// A picture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Picture {
    /// Levels, nearest first.
    pub levels: Vec<Level>,
    /// Boxes, by level.
    pub nodes: Vec<Node>,
    /// Lines.
    pub lines: Vec<Line>,
    /// There are more lines than the 2000 that are drawn.
    pub lines_cut: bool,
}

/// A group that is open, and the key after which its page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembersOf {
    /// Its name.
    pub id: String,
    /// After which key.
    pub after: i64,
}

impl MembersOf {
    /// As [`opened`] reads it.
    #[must_use]
    pub fn text(&self) -> String {
        if self.after == i64::MIN { self.id.clone() } else { format!("{}@{}", self.id, self.after) }
    }
}

/// What `open` asks for: names with commas between, each with `@` and a key for a
/// later page. At most [`MOST_OPEN`]; what is none is passed over.
#[must_use]
pub fn opened(text: &str) -> Vec<MembersOf> {
    let mut found: Vec<MembersOf> = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty() && part.len() <= 400) {
        let (id, after) = match part.split_once('@') {
            Some((id, after)) => (id, after.parse().unwrap_or(i64::MIN)),
            None => (part, i64::MIN),
        };
        if found.len() < MOST_OPEN && found.iter().all(|known| known.id != id) {
            found.push(MembersOf { id: id.to_owned(), after });
        }
    }
    found
}

/// The name of a group: no character of it means anything in an address.
fn name(unit: &Unit) -> String {
    format!("{}.{}.{}", unit.level, unit.kind, escaped(&unit.item, b"-_"))
}

fn others(level: i32) -> String {
    format!("{level}.others")
}

/// Groups `units`, the beginning among them at level 0, and the links between them.
#[must_use]
pub fn group(units: &[Unit], links: &[Edge], open: &[MembersOf]) -> Picture {
    let mut levels: BTreeMap<i32, BTreeMap<(&str, &str), Vec<&Unit>>> = BTreeMap::new();
    for unit in units {
        levels.entry(unit.level).or_default().entry((&unit.kind, &unit.item)).or_default().push(unit);
    }
    let mut picture = Picture::default();
    let mut box_of: HashMap<i64, usize> = HashMap::with_capacity(units.len());
    for (level, groups) in levels {
        let first = picture.nodes.len();
        let mut groups: Vec<Vec<&Unit>> = groups.into_values().collect();
        let count = groups.iter().map(Vec::len).sum();
        // What is open stays in sight, then the largest; the order within is by name.
        let is_open =
            |group: &[&Unit]| group.first().and_then(|unit| open.iter().find(|open| open.id == name(unit)));
        let most =
            if open.iter().any(|open| open.id == others(level)) { MOST_GROUPS_OPEN } else { MOST_GROUPS };
        let mut small = Vec::new();
        if groups.len() > most {
            let mut by_size: Vec<usize> = (0..groups.len()).collect();
            by_size.sort_by_key(|&at| (is_open(&groups[at]).is_none(), usize::MAX - groups[at].len(), at));
            let mut kept = vec![false; groups.len()];
            for &at in by_size.iter().take(most - 1) {
                kept[at] = true;
            }
            let (large, rest): (Vec<_>, Vec<_>) = groups.into_iter().zip(kept).partition(|(_, kept)| *kept);
            groups = large.into_iter().map(|(group, _)| group).collect();
            small = rest.into_iter().map(|(group, _)| group).collect();
        }
        for mut group in groups {
            match is_open(&group) {
                _ if group.len() == 1 => put(&mut picture, &mut box_of, unit_node(group[0], None), &group),
                None => put(&mut picture, &mut box_of, group_node(&group), &group),
                Some(asked) => {
                    group.sort_by_key(|unit| unit.key);
                    open_group(&mut picture, &mut box_of, asked, &group);
                }
            }
        }
        if !small.is_empty() {
            let groups = small.len();
            let members: Vec<&Unit> = small.into_iter().flatten().collect();
            let node = Node {
                shape: Shape::Others,
                id: others(level),
                kind: String::new(),
                item: String::new(),
                groups,
                ..group_node(&members)
            };
            put(&mut picture, &mut box_of, node, &members);
        }
        picture.levels.push(Level { level, count, nodes: (first..picture.nodes.len()).collect() });
    }
    lines(&mut picture, &box_of, links);
    picture
}

fn put(picture: &mut Picture, box_of: &mut HashMap<i64, usize>, node: Node, members: &[&Unit]) {
    for unit in members {
        box_of.insert(unit.key, picture.nodes.len());
    }
    picture.nodes.push(node);
}

/// A page of an open group: a box for each member, and one for the rest.
fn open_group(picture: &mut Picture, box_of: &mut HashMap<i64, usize>, asked: &MembersOf, group: &[&Unit]) {
    let from = group.partition_point(|unit| unit.key <= asked.after);
    let to = group.len().min(from + PAGE);
    for unit in &group[from..to] {
        put(picture, box_of, unit_node(unit, Some(asked.id.clone())), &[unit]);
    }
    let rest: Vec<&Unit> = group[..from].iter().chain(&group[to..]).copied().collect();
    if rest.is_empty() {
        return;
    }
    let next = group
        .get(to.saturating_sub(1))
        .filter(|_| to < group.len())
        .map(|last| MembersOf { id: asked.id.clone(), after: last.key }.text());
    let node = Node {
        shape: Shape::Rest,
        id: asked.id.clone(),
        member_of: Some(asked.id.clone()),
        next,
        ..group_node(&rest)
    };
    put(picture, box_of, node, &rest);
}

fn unit_node(unit: &Unit, member_of: Option<String>) -> Node {
    Node {
        shape: if unit.level == 0 { Shape::Start } else { Shape::Unit },
        uid: Some(unit.uid.clone()),
        plant: unit.plant.clone(),
        member_of,
        ..group_node(&[unit])
    }
}

/// The box of units of one item at one level; never of none.
fn group_node(members: &[&Unit]) -> Node {
    let first = members.first();
    let count = |is: fn(&Unit) -> bool| members.iter().filter(|unit| is(unit)).count();
    Node {
        shape: Shape::Group,
        id: first.map(|unit| name(unit)).unwrap_or_default(),
        level: first.map(|unit| unit.level).unwrap_or_default(),
        kind: first.map(|unit| unit.kind.clone()).unwrap_or_default(),
        item: first.map(|unit| unit.item.clone()).unwrap_or_default(),
        uid: None,
        plant: String::new(),
        count: members.len(),
        groups: 1,
        held: count(|unit| unit.held),
        rejected: count(|unit| unit.rejected),
        scrapped: count(|unit| unit.scrapped),
        cyclic: count(|unit| unit.cyclic),
        member_of: None,
        next: None,
    }
}

/// Adds up the links between boxes. A link within one box, and one to a unit that is
/// not in the picture, is none.
fn lines(picture: &mut Picture, box_of: &HashMap<i64, usize>, links: &[Edge]) {
    let mut found: BTreeMap<(usize, usize), (usize, usize)> = BTreeMap::new();
    for link in links {
        let (Some(&one), Some(&other)) = (box_of.get(&link.from), box_of.get(&link.to)) else {
            continue;
        };
        if one == other {
            continue;
        }
        // Boxes stand by level: the lower place is the nearer one.
        let entry = found.entry((one.min(other), one.max(other))).or_default();
        entry.0 += 1;
        entry.1 += usize::from(!link.open);
    }
    picture.lines_cut = found.len() > MOST_LINES;
    picture.lines = found
        .into_iter()
        .take(MOST_LINES)
        .map(|((from, to), (links, closed))| Line { from, to, links, closed })
        .collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(key: i64, level: i32, item: &str) -> Unit {
        let (uid, kind) = (format!("U{key}"), if level == 0 { "RM" } else { "FG" });
        Unit { key, uid, level, kind: kind.into(), item: item.into(), ..Unit::default() }
    }

    fn edge(from: i64, to: i64) -> Edge {
        Edge { from, to, kind: 2, open: to % 2 == 0 }
    }

    /// One bar, in each of 5,000 parts, each in one of 5,000 units.
    fn wide() -> (Vec<Unit>, Vec<Edge>) {
        let mut units = vec![unit(0, 0, "STEEL")];
        let mut links = Vec::new();
        for key in 1..=5_000 {
            units.push(unit(key, 1, "PART"));
            units.push(unit(10_000 + key, 2, "FG-100"));
            links.push(edge(0, key));
            links.push(edge(key, 10_000 + key));
        }
        (units, links)
    }

    #[test]
    fn ten_thousand_units_are_three_boxes() {
        let (units, links) = wide();
        let picture = group(&units, &links, &[]);
        let told: Vec<_> =
            picture.nodes.iter().map(|node| (node.shape, node.item.as_str(), node.count)).collect();
        assert_eq!(
            told,
            [(Shape::Start, "STEEL", 1), (Shape::Group, "PART", 5_000), (Shape::Group, "FG-100", 5_000)]
        );
        assert_eq!(picture.lines[0], Line { from: 0, to: 1, links: 5_000, closed: 2_500 });
        assert_eq!(picture.lines.len(), 2);
        assert_eq!(picture.levels.iter().map(|level| level.count).collect::<Vec<_>>(), [1, 5_000, 5_000]);
    }

    #[test]
    fn a_group_opens_page_by_page_to_its_end() {
        let (units, links) = wide();
        let id = group(&units, &links, &[]).nodes[2].id.clone();
        let mut open = id;
        let mut seen = Vec::new();
        for _ in 0..500 {
            let picture = group(&units, &links, &opened(&open));
            let members = picture.nodes.iter().filter(|node| node.shape == Shape::Unit);
            let before = seen.len();
            seen.extend(members.filter_map(|node| node.uid.clone()));
            assert!(seen.len() - before <= PAGE);
            // Nothing is lost: who is not on the page is in the rest.
            assert_eq!(picture.nodes.iter().map(|node| node.count).sum::<usize>(), units.len());
            let rest = picture.nodes.iter().find(|node| node.shape == Shape::Rest).unwrap();
            match &rest.next {
                Some(next) => open = next.clone(),
                None => break,
            }
        }
        assert_eq!(seen.len(), 5_000);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 5_000);
    }

    #[test]
    fn many_items_of_a_level_are_the_others_together() {
        let mut units = vec![unit(0, 0, "STEEL")];
        let mut links = Vec::new();
        for key in 1..=300 {
            units.push(unit(key, 1, &format!("ITEM, {}/é", key % 100)));
            links.push(edge(0, key));
        }
        let picture = group(&units, &links, &[]);
        assert_eq!(picture.levels[1].nodes.len(), MOST_GROUPS);
        let others = picture.nodes.iter().find(|node| node.shape == Shape::Others).unwrap();
        assert_eq!((others.groups, others.count), (100 - MOST_GROUPS + 1, 3 * (100 - MOST_GROUPS + 1)));
        let all = group(&units, &links, &opened(&others.id));
        assert_eq!(all.levels[1].nodes.len(), 100);
        // An item's name is no part of an address, and an open group is never hidden.
        for node in all.nodes.iter().filter(|node| node.shape == Shape::Group) {
            assert!(!node.id.contains([',', '@', '/', ' ', '&']), "{}", node.id);
            let picture = group(&units, &links, &opened(&node.id));
            let members = picture.nodes.iter().filter(|member| member.member_of.as_ref() == Some(&node.id));
            assert_eq!(members.count(), 3, "{}", node.id);
        }
    }

    #[test]
    fn what_is_open_is_bounded() {
        let asked = opened("1.FG.A,1.FG.A,1.FG.B@7,x@y,,c,d,e,f,g");
        assert_eq!(asked.len(), MOST_OPEN);
        assert_eq!(asked[1], MembersOf { id: "1.FG.B".into(), after: 7 });
        assert_eq!(asked[2], MembersOf { id: "x".into(), after: i64::MIN });
        assert_eq!(asked[1].text(), "1.FG.B@7");
    }
}

//! What must hold when everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use cooee_protocol::{Entry, EntryId, EntryKind, GroupId};
use cooee_store::Message;

use super::world::World;

pub(super) fn everything(world: &mut World) {
    every_draft_has_arrived_or_is_marked(world);
    what_one_wrote_keeps_its_order(world);
    world.fetch_everything();
    every_device_has_what_the_server_shows(world);
    marks_have_arrived(world);
    for group in world.server.logs.keys() {
        world.totals.entries += world.server.everything(group).len() as u64;
    }
}

fn every_draft_has_arrived_or_is_marked(world: &mut World) {
    let seed = world.seed();
    let mut places: BTreeMap<EntryId, u32> = BTreeMap::new();
    for group in world.server.logs.keys() {
        for entry in world.server.everything(group) {
            *places.entry(entry.id).or_default() += 1;
        }
    }
    for (id, count) in &places {
        assert_eq!(*count, 1, "seed {seed}: {id} is there {count} times");
    }
    for device in &world.devices {
        let mut refused = BTreeSet::new();
        for out in device.cache.outbox().unwrap() {
            assert!(out.refusal.is_some(), "seed {seed}: {out:?} waits for ever");
            refused.insert(EntryId::parse(&out.draft.id).unwrap());
        }
        for (id, times) in &device.told.arrived {
            assert_eq!(*times, 1, "seed {seed}: {id} arrived {times} times");
            assert!(
                places.contains_key(id) || world.lost.contains(id),
                "seed {seed}: {id} was told to have arrived"
            );
        }
        for id in &device.told.kept {
            let accounted = places.contains_key(id)
                || refused.contains(id)
                || device.told.discarded.contains(id)
                || world.lost.contains(id);
            assert!(accounted, "seed {seed}: {id} of {} is nowhere", device.who);
            let both = places.contains_key(id) && refused.contains(id);
            assert!(
                !both || device.told.refused.contains(id),
                "seed {seed}: {id} has arrived and is marked"
            );
        }
        world.totals.arrived += device.told.arrived.len() as u64;
        world.totals.refused += refused.len() as u64;
    }
}

/// Drafts of one device in one conversation stand there in the order in which they were written,
/// unless the user has sent one again later.
fn what_one_wrote_keeps_its_order(world: &World) {
    for device in &world.devices {
        for group in world.server.logs.keys() {
            let places: BTreeMap<_, _> = world
                .server
                .everything(group)
                .into_iter()
                .map(|entry| (entry.id, entry.sequence))
                .collect();
            let written: Vec<u64> = device
                .told
                .kept
                .iter()
                .filter(|id| !device.told.retried.contains(id) && !world.lost.contains(id))
                .filter_map(|id| places.get(id).copied())
                .collect();
            assert!(
                written.is_sorted(),
                "seed {}: {} wrote {written:?} in {group}",
                world.seed(),
                device.who
            );
        }
    }
}

fn every_device_has_what_the_server_shows(world: &World) {
    let seed = world.seed();
    for device in &world.devices {
        for (group, log) in &world.server.logs {
            let shown = world.server.shown(group, &device.who);
            if !log.members.contains_key(&device.who) || shown.is_empty() {
                continue;
            }
            let held = device.cache.messages(group.as_str(), None, 1_000).unwrap();
            let expected = folded(&shown, &device.who.to_string());
            // What it held before it left and came back is its own affair, but nothing is
            // there twice.
            let from = log.members[&device.who];
            let mut ids = BTreeSet::new();
            for message in &held {
                assert!(
                    ids.insert(&message.id),
                    "seed {seed}: {} is there twice",
                    message.id
                );
            }
            let held: Vec<_> = held
                .into_iter()
                .filter(|message| message.sequence > i64::try_from(from).unwrap())
                .map(reduced)
                .collect();
            assert_eq!(
                held, expected,
                "seed {seed}: {group} on a device of {}",
                device.who
            );
        }
    }
}

fn marks_have_arrived(world: &World) {
    for device in &world.devices {
        for held in device.cache.conversations().unwrap() {
            let group = GroupId::parse(&held.id_group).unwrap();
            let Some(log) = world.server.logs.get(&group) else {
                continue;
            };
            let shown = world.server.shown(&group, &device.who);
            let Some(last) = shown.last() else { continue };
            if !log.members.contains_key(&device.who) {
                continue;
            }
            let mark = world.server.last_mark(&group, &device.who);
            let delivered = mark.map_or(0, |(delivered, _)| delivered);
            assert_eq!(
                delivered,
                last.sequence,
                "seed {}: {group} is marked as delivered to {} up to there",
                world.seed(),
                device.who
            );
        }
    }
}

/// What counts of a message: place, id, author, own, body, answers, deleted, reactions.
type Reduced = (
    i64,
    String,
    String,
    bool,
    String,
    Option<String>,
    bool,
    Vec<(String, String)>,
);

fn reduced(message: Message) -> Reduced {
    let mut reactions: Vec<_> = message
        .reactions
        .into_iter()
        .map(|reaction| (reaction.author, reaction.body))
        .collect();
    reactions.sort();
    (
        message.sequence,
        message.id,
        message.author,
        message.own,
        message.body,
        message.reply_to,
        message.deleted,
        reactions,
    )
}

/// How the entries that somebody is shown read, by the words of docs/PROTOCOL.md.
fn folded(shown: &[Entry], who: &str) -> Vec<Reduced> {
    let stands = |entry: &&Entry| matches!(entry.kind, EntryKind::Message | EntryKind::Call);
    shown
        .iter()
        .filter(stands)
        .map(|entry| {
            let about = |kind| {
                shown.iter().filter(move |other| {
                    other.kind == kind && other.refers_to.as_ref() == Some(&entry.id)
                })
            };
            let deleted = entry.erased || about(EntryKind::Deletion).next().is_some();
            let edit = about(EntryKind::Edit).next_back();
            let mut reactions = BTreeMap::new();
            for reaction in about(EntryKind::Reaction) {
                let author = reaction.pseudo.as_ref().unwrap().to_string();
                reactions.insert(author, reaction.body.clone().unwrap_or_default());
            }
            let author = entry.pseudo.as_ref().unwrap().to_string();
            let body = edit.unwrap_or(entry).body.clone().unwrap_or_default();
            (
                i64::try_from(entry.sequence).unwrap(),
                entry.id.to_string(),
                author.clone(),
                author == who,
                if deleted { String::new() } else { body },
                entry.reply_to.as_ref().map(ToString::to_string),
                deleted,
                if deleted {
                    Vec::new()
                } else {
                    reactions
                        .into_iter()
                        .filter(|(_, body)| !body.is_empty())
                        .collect()
                },
            )
        })
        .collect()
}

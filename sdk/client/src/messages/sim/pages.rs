//! What was missed comes in pages, and a hostile server fills nothing.

use std::time::{Duration, Instant};

use cooee_core::conversations::{ConversationSync, Draft, Loaded, SyncConfig, SyncOutput};
use cooee_core::signalling::RequestError;
use cooee_protocol::{
    ClientMessage, Content, Conversation, Conversations, Destination, Entries, Entry, EntryId,
    EntryKind, GroupId, MAX_PAGE, NewEntry, Posting, ServerMessage, Typing, Username,
};

use super::chance::Chance;
use super::server::Server;
use crate::archive::name_key;
use crate::messages::shelf;

const MISSED: u64 = 10_000;

fn id(number: u64) -> EntryId {
    EntryId::parse(&format!("0199c3f2-7a10-7d3b-8c55-{number:012x}")).unwrap()
}

/// Answers everything until the machine wants nothing more; counts the questions for pages.
fn run(
    machine: &mut ConversationSync,
    cache: &mut cooee_store::Cache,
    server: &mut Server,
    who: &Username,
) -> u64 {
    let mut pulls = 0;
    let now = Instant::now();
    while let Some(output) = machine.poll_output() {
        match output {
            SyncOutput::Request(tag, message) => {
                pulls += u64::from(matches!(message, ClientMessage::PullEntries(_)));
                let time = "2026-11-23T09:15:02Z".to_owned();
                let (answer, _) = server.handle(who, &message, time);
                machine.handle_answer(now, tag, answer.map_err(RequestError::Refused));
            }
            SyncOutput::Write(write_id, write) => {
                let outcome = shelf::carry_out(cache, write).unwrap();
                machine.handle_written(now, write_id, Ok(outcome));
            }
            SyncOutput::Upload { .. } | SyncOutput::Event(_) => {}
        }
    }
    pulls
}

#[test]
fn ten_thousand_missed_messages_take_as_many_round_trips_as_pages() {
    let (alice, bob): (Username, Username) = ("alice".parse().unwrap(), "bob".parse().unwrap());
    let group = GroupId::parse("friends").unwrap();
    let mut server = Server::new();
    server.join(&group, &alice);
    server.join(&group, &bob);
    let say = |server: &mut Server, number: u64| {
        let post = ClientMessage::PostEntry(cooee_protocol::PostEntry {
            id: id(number),
            destination: Destination::Conversation {
                id_group: group.clone(),
            },
            posting: Posting::Message {
                content: Content::text(format!("number {number}")),
                reply_to: None,
                list_attachment: Default::default(),
            },
        });
        server.say(&bob, &post);
    };
    say(&mut server, 0);
    let mut cache = cooee_store::Cache::in_memory(name_key).unwrap();
    let loaded = Loaded {
        own: Some(alice.clone()),
        ..Loaded::default()
    };
    let mut machine = ConversationSync::new(SyncConfig::default(), loaded);
    machine.handle_online();
    run(&mut machine, &mut cache, &mut server, &alice);
    assert!(machine.is_caught_up());

    machine.handle_offline();
    for number in 1..=MISSED {
        say(&mut server, number);
    }
    machine.handle_online();
    let pulls = run(&mut machine, &mut cache, &mut server, &alice);
    let pages = MISSED / u64::from(MAX_PAGE);
    println!("{MISSED} missed messages: {pulls} round trips for entries");
    assert!(pulls <= pages + 1, "{pulls} round trips for {pages} pages");
    let held = cache.conversation_of(group.as_str()).unwrap().unwrap();
    assert_eq!(
        (held.first, held.last),
        (1, i64::try_from(MISSED).unwrap() + 1)
    );
}

#[test]
fn a_hostile_server_fills_no_memory() {
    let mut chance = Chance::seeded(7);
    let config = SyncConfig {
        max_conversations: 50,
        max_typing: 16,
        max_list_pages: 20,
        ..SyncConfig::default()
    };
    let loaded = Loaded {
        own: Some("alice".parse().unwrap()),
        ..Loaded::default()
    };
    let mut machine = ConversationSync::new(config, loaded);
    machine.handle_online();
    let mut now = Instant::now();
    let mut cache = cooee_store::Cache::in_memory(name_key).unwrap();
    let group = |number: usize| GroupId::parse(&format!("group{number}")).unwrap();
    let entry = |chance: &mut Chance| Entry {
        sequence: match chance.below(4) {
            0 => u64::MAX - chance.next() % 5,
            1 => 0,
            _ => chance.next() % 100,
        },
        id: id(chance.next() & 0xffff_ffff_ffff),
        time: "x".repeat(chance.below(200)),
        pseudo: None,
        kind: EntryKind::Message,
        content_type: None,
        body: Some("y".repeat(chance.below(3) * 20_000)),
        reply_to: None,
        refers_to: None,
        list_attachment: Default::default(),
        erased: false,
    };
    let few = |chance: &mut Chance| match chance.once_in(100) {
        true => 300,
        false => chance.below(4),
    };
    for _ in 0..2_000 {
        let id_group = group(chance.below(100_000));
        let message = match chance.below(3) {
            0 => ServerMessage::NewEntry(NewEntry {
                id_group,
                previous: chance.next() % 50,
                entry: entry(&mut chance),
            }),
            1 => ServerMessage::Typing(Typing {
                id_group: group(chance.below(50)),
                pseudo: format!("user{}", chance.below(10_000)).parse().unwrap(),
                typing: true,
            }),
            _ => ServerMessage::Conversations(Conversations {
                list_conversation: Vec::new(),
                cursor: String::new(),
                more: true,
                restart: true,
            }),
        };
        machine.handle_message(now, &message);
        now += Duration::from_millis(5);
        machine.handle_timeout(now);
        while let Some(output) = machine.poll_output() {
            match output {
                SyncOutput::Request(tag, message) => {
                    let answer = match message {
                        ClientMessage::ListConversations(_) => {
                            ServerMessage::Conversations(Conversations {
                                list_conversation: (0..few(&mut chance) * 20)
                                    .map(|_| Conversation {
                                        id_group: group(chance.below(100_000)),
                                        pseudo: None,
                                        joined_after: 0,
                                        last: chance.next() % 1_000_000,
                                        delivered: 0,
                                        read: 0,
                                    })
                                    .collect(),
                                cursor: "z".repeat(chance.below(80)),
                                more: true,
                                restart: chance.once_in(3),
                            })
                        }
                        ClientMessage::PullEntries(pull) => ServerMessage::Entries(Entries {
                            id_group: pull.id_group,
                            list_entry: (0..few(&mut chance)).map(|_| entry(&mut chance)).collect(),
                            more: true,
                            last: chance.next(),
                        }),
                        _ => continue,
                    };
                    machine.handle_answer(now, tag, Ok(answer));
                }
                SyncOutput::Write(write_id, write) => {
                    let outcome = shelf::carry_out(&mut cache, write);
                    let outcome = outcome
                        .map_err(|error| cooee_core::conversations::NotKept(error.to_string()));
                    machine.handle_written(now, write_id, outcome);
                }
                SyncOutput::Upload { .. } | SyncOutput::Event(_) => {}
            }
        }
        let (conversations, waiting) = machine.load();
        assert!(conversations <= 50, "{conversations} conversations");
        // Two alarms and one errand for each conversation, and the bounded queues.
        assert!(waiting <= 4 * 50 + 16 + 64 + 64, "{waiting} things wait");
    }
    let draft = Draft {
        id: id(1),
        destination: Destination::Conversation { id_group: group(0) },
        posting: Posting::Deletion { refers_to: id(2) },
        written_at: 0,
    };
    machine.post(now, draft).unwrap();
}

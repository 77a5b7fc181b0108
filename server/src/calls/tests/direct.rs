//! Calls between two.

use super::*;

#[test]
fn a_call_from_ring_to_hang_up() -> Outcome {
    let (mut world, a, b) = direct()?;
    world.accept(&b, 1, false, None)?;
    assert_eq!(
        world.said(),
        [
            "b1 re 502 b",
            "a1 502 b",
            "b*-b1 503 b answered_elsewhere",
            "a1 505",
            "b1 505"
        ]
    );
    world.tell(&a, 1)?;
    assert_eq!(world.said(), ["a1 re 506"]);
    world.tell(&b, 2)?;
    assert_eq!(world.said(), ["b1 re 506", "a1 507 [b:2]", "b1 507 [a:1]"]);
    world.quit(&a, 1, None)?;
    assert_eq!(
        world.said(),
        ["a1 re 503 a ", "b1 503 a quit", "b1 503 b ended"]
    );
    assert!(world.is_empty());
    Ok(())
}

#[test]
fn addresses_told_early_come_right_behind_the_question() -> Outcome {
    let (mut world, a, b) = (World::new(), person("a")?, person("b")?);
    world.ring(&a, Kind::Direct, &[&b], Some(info(1)))?;
    world.said();
    world.accept(&b, 1, false, Some(info(2)))?;
    let said = world.said();
    assert_eq!(
        said[3..],
        ["a1 505", "b1 505", "a1 507 [b:2]", "b1 507 [a:1]"]
    );
    Ok(())
}

#[test]
fn who_does_not_answer_in_five_seconds_is_listed_without_an_address() -> Outcome {
    let (mut world, a, b) = direct()?;
    world.accept(&b, 1, false, None)?;
    world.tell(&a, 1)?;
    world.said();
    world.pass(INFO - Duration::from_millis(1));
    assert!(world.said().is_empty());
    world.pass(Duration::from_millis(1));
    assert_eq!(world.said(), ["a1 507 [b:0]", "b1 507 [a:1]"]);
    // The late answer goes to the others like any later 506.
    world.tell(&b, 2)?;
    assert_eq!(world.said(), ["b1 re 506", "a1 507 [b:2]"]);
    Ok(())
}

#[test]
fn a_new_network_is_told_to_the_others() -> Outcome {
    let (mut world, a, _b) = talking()?;
    world.tell(&a, 9)?;
    assert_eq!(world.said(), ["a1 re 506", "b1 507 [a:9]"]);
    Ok(())
}

#[test]
fn nobody_answers_for_five_minutes() -> Outcome {
    let (mut world, _a, _b) = direct()?;
    world.pass(RING - Duration::from_secs(1));
    assert!(world.said().is_empty());
    world.pass(Duration::from_secs(1));
    assert_eq!(world.said(), ["b* 503 b timeout", "a1 404 timeout"]);
    assert!(world.is_empty());
    Ok(())
}

#[test]
fn a_decline_ends_the_call() -> Outcome {
    let (mut world, _a, b) = direct()?;
    world.quit(&b, 2, None)?;
    assert_eq!(
        world.said(),
        [
            "b2 re 503 b ",
            "b*-b2 503 b declined_elsewhere",
            "a1 503 b declined",
            "a1 503 a ended"
        ]
    );
    assert!(world.is_empty());
    Ok(())
}

#[test]
fn the_caller_gives_up() -> Outcome {
    let (mut world, a, _b) = direct()?;
    world.quit(&a, 1, None)?;
    assert_eq!(world.said(), ["a1 re 503 a ", "b* 503 a cancelled"]);
    assert!(world.is_empty());
    // Once more is harmless.
    world.quit(&a, 1, None)?;
    assert_eq!(world.said(), ["a1 re 503 a "]);
    Ok(())
}

#[test]
fn both_call_at_once() -> Outcome {
    let (mut world, a, b) = direct()?;
    world.ring(&b, Kind::Direct, &[&a], Some(info(2)))?;
    assert_eq!(
        world.said(),
        [
            "b1 re 501 []",
            "a1 502 b",
            "b*-b1 503 b answered_elsewhere",
            "a1 505",
            "b1 505"
        ]
    );
    world.tell(&a, 1)?;
    assert_eq!(world.said(), ["a1 re 506", "a1 507 [b:2]", "b1 507 [a:1]"]);
    Ok(())
}

#[test]
fn busy_and_offline() -> Outcome {
    let (mut world, _a, b) = talking()?;
    let c = person("c")?;
    let from = world.from(&c, 1);
    let placing = |reachable, person: &Person| -> Result<Placing, NameError> {
        Ok(Placing {
            id: GroupId::parse("other")?,
            kind: Kind::Direct,
            candidates: vec![Candidate {
                person: person.clone(),
                reachable,
            }],
            named: true,
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: 0,
            info: None,
        })
    };
    world
        .calls
        .handle_ring(&from, placing(true, &b)?, world.now);
    assert_eq!(world.said(), ["c1 re 404 busy"]);
    world
        .calls
        .handle_ring(&from, placing(false, &person("d")?)?, world.now);
    assert_eq!(world.said(), ["c1 re 404 offline"]);
    // Somebody in a call places no other.
    let from = world.from(&b, 1);
    world
        .calls
        .handle_ring(&from, placing(true, &c)?, world.now);
    assert_eq!(world.said(), ["b1 re 451"]);
    Ok(())
}

#[test]
fn whoever_joins_one_call_is_busy_for_what_else_rings() -> Outcome {
    let (mut world, a, b, c) = (World::new(), person("a")?, person("b")?, person("c")?);
    let from = world.from(&c, 1);
    let placing = Placing {
        id: GroupId::parse("other")?,
        kind: Kind::Direct,
        candidates: vec![Candidate {
            person: b.clone(),
            reachable: true,
        }],
        named: true,
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        port: 0,
        info: None,
    };
    world.calls.handle_ring(&from, placing, world.now);
    world.ring(&a, Kind::Direct, &[&b], None)?;
    world.said();
    world.accept(&b, 1, false, None)?;
    let said = world.said();
    assert_eq!(
        said[5..],
        ["b* 503 b busy", "c1 503 b busy", "c1 503 c ended"]
    );
    Ok(())
}

#[test]
fn a_broken_connection_is_waited_for() -> Outcome {
    let (mut world, a, b) = talking()?;
    world
        .calls
        .session_away(b.profile, session(&b, 1), world.now);
    world.pass(GRACE - Duration::from_secs(1));
    assert!(world.said().is_empty());
    world.calls.session_here(b.profile, session(&b, 1));
    assert_eq!(world.said(), ["b1 507 [a:1]", "b1 relay"]);
    world.pass(GRACE * 2);
    assert!(world.said().is_empty());
    world
        .calls
        .session_away(b.profile, session(&b, 1), world.now);
    world.pass(GRACE);
    assert_eq!(world.said(), ["a1 503 b lost", "a1 503 a ended"]);
    assert!(world.is_empty());
    let _ = a;
    Ok(())
}

#[test]
fn a_question_that_was_missed_is_asked_again() -> Outcome {
    let (mut world, _a, b) = direct()?;
    world.accept(&b, 1, false, None)?;
    world
        .calls
        .session_away(b.profile, session(&b, 1), world.now);
    world.said();
    world.calls.session_here(b.profile, session(&b, 1));
    assert_eq!(world.said(), ["b1 505"]);
    Ok(())
}

#[test]
fn another_session_takes_the_place_of_one_that_is_away() -> Outcome {
    let (mut world, _a, b) = talking()?;
    world.accept(&b, 2, false, None)?;
    assert_eq!(world.said(), ["b2 re 451"]);
    world
        .calls
        .session_away(b.profile, session(&b, 1), world.now);
    world.accept(&b, 2, false, Some(info(7)))?;
    assert_eq!(
        world.said(),
        ["b2 re 502 b", "b2 505", "a1 507 [b:7]", "b2 507 [a:1]"]
    );
    world.pass(GRACE * 2);
    assert!(world.said().is_empty());
    Ok(())
}

#[test]
fn the_rung_may_be_without_a_connection_for_a_while() -> Outcome {
    let (mut world, _a, b) = direct()?;
    world.calls.profile_away(b.profile, world.now);
    world.pass(GRACE - Duration::from_secs(1));
    world.calls.session_here(b.profile, session(&b, 2));
    assert_eq!(world.said(), ["b2 501 a[b]"]);
    world.pass(GRACE);
    assert!(world.said().is_empty());
    world.calls.profile_away(b.profile, world.now);
    world.pass(GRACE);
    assert_eq!(world.said(), ["b* 503 b offline", "a1 404 offline"]);
    assert!(world.is_empty());
    Ok(())
}

#[test]
fn a_rename_during_a_call() -> Outcome {
    let (mut world, _a, b) = talking()?;
    world.calls.rename(b.profile, &Username::parse("bee")?);
    let renamed = Person {
        name: Username::parse("bee")?,
        ..b
    };
    world.tell(&renamed, 5)?;
    assert_eq!(world.said(), ["b1 re 506", "a1 507 [bee:5]"]);
    world.quit(&renamed, 1, Some("failed"))?;
    assert_eq!(
        world.said(),
        [
            "b1 re 503 bee failed",
            "a1 503 bee failed",
            "a1 503 a ended"
        ]
    );
    Ok(())
}

#[test]
fn messages_for_calls_that_are_not_there() -> Outcome {
    let (mut world, a) = (World::new(), person("a")?);
    world.accept(&a, 1, true, None)?;
    world.tell(&a, 1)?;
    assert_eq!(world.said(), ["a1 re 404", "a1 re 404"]);
    let from = world.from(&a, 1);
    let quit = Quit {
        pseudo: a.name.clone(),
        id_group: id()?,
        reason: None,
    };
    world.calls.handle_quit(&from, false, quit);
    assert_eq!(world.said(), ["a1 re 404"]);
    Ok(())
}

#[test]
fn another_session_does_not_hang_up() -> Outcome {
    let (mut world, _a, b) = talking()?;
    world.quit(&b, 2, None)?;
    assert_eq!(world.said(), ["b2 re 503 b "]);
    assert!(world.calls.is_joined(b.profile));
    Ok(())
}

#[test]
fn presence_follows_the_call() -> Outcome {
    let (mut world, a, b) = (World::new(), person("a")?, person("b")?);
    world.ring(&a, Kind::Direct, &[&b], None)?;
    let presence = |world: &mut World| {
        let mut changed = Vec::new();
        while let Some(output) = world.calls.poll_output() {
            if let Output::Presence(profile) = output {
                changed.push(profile);
            }
        }
        changed
    };
    assert_eq!(presence(&mut world), [a.profile]);
    world.accept(&b, 1, false, None)?;
    assert_eq!(presence(&mut world), [b.profile]);
    world.quit(&a, 1, None)?;
    assert_eq!(presence(&mut world), [a.profile, b.profile]);
    assert!(!world.calls.is_joined(a.profile) && !world.calls.is_joined(b.profile));
    Ok(())
}

//! Calls among the members of a group, and who is kept out.

use cooee_protocol::{Data, Exchange};

use super::*;

#[test]
fn a_late_member_joins_and_is_asked_alone() -> Outcome {
    let (mut world, _a, _b, c) = group_of_two()?;
    world.quit(&c, 1, None)?;
    world.said();
    world.accept(&c, 1, true, None)?;
    assert_eq!(
        world.said(),
        ["c1 re 502 c", "a1 502 c", "b1 502 c", "c1 505"]
    );
    world.tell(&c, 3)?;
    assert_eq!(
        world.said(),
        [
            "c1 re 506",
            "a1 507 [b:2,c:3]",
            "b1 507 [a:1,c:3]",
            "c1 507 [a:1,b:2]"
        ]
    );
    Ok(())
}

#[test]
fn strangers_do_not_join() -> Outcome {
    let (mut world, _a, _b) = talking()?;
    let c = person("c")?;
    world.accept(&c, 1, false, None)?;
    assert_eq!(world.said(), ["c1 re 451"]);
    // Nor does a group's member join a direct call, or anybody in another's name.
    world.accept(&c, 1, true, None)?;
    assert_eq!(world.said(), ["c1 re 451"]);
    Ok(())
}

#[test]
fn a_group_call_outlives_one_who_leaves() -> Outcome {
    let (mut world, a, b, c) = group_of_two()?;
    world.accept(&c, 1, true, Some(info(3)))?;
    world.said();
    world.quit(&a, 1, None)?;
    assert_eq!(
        world.said(),
        ["a1 re 503 a ", "b1 503 a quit", "c1 503 a quit"]
    );
    world.calls.left_group(c.profile, &id()?);
    assert_eq!(
        world.said(),
        [
            "c1 503 c left_group",
            "b1 503 c left_group",
            "b1 503 b ended"
        ]
    );
    assert!(world.is_empty());
    let _ = b;
    Ok(())
}

#[test]
fn one_of_a_group_does_not_answer() -> Outcome {
    let (mut world, _a, _b, _c) = group_of_two()?;
    world.pass(RING);
    assert_eq!(
        world.said(),
        ["c* 503 c timeout", "a1 503 c timeout", "b1 503 c timeout"]
    );
    Ok(())
}

#[test]
fn those_who_declined_are_rung_again_only_by_name() -> Outcome {
    let (mut world, a, b, c) = group_of_two()?;
    world.quit(&c, 1, None)?;
    world.said();
    let from = world.from(&a, 1);
    let mut placing = Placing {
        id: id()?,
        kind: Kind::Group,
        candidates: [&b, &c]
            .map(|person| Candidate {
                person: person.clone(),
                reachable: true,
            })
            .to_vec(),
        named: false,
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        port: 0,
        info: None,
    };
    world.calls.handle_ring(&from, placing.clone(), world.now);
    assert_eq!(world.said(), ["a1 re 501 []"]);
    placing.named = true;
    world.calls.handle_ring(&from, placing, world.now);
    assert_eq!(world.said(), ["a1 re 501 [c]", "c* 501 a[c]"]);
    Ok(())
}

#[test]
fn data_goes_to_one_or_to_all_in_the_call() -> Outcome {
    let (mut world, a, b, c) = group_of_two()?;
    world.accept(&c, 1, true, Some(info(3)))?;
    world.said();
    let send = |world: &mut World, to: &Person| -> Outcome {
        let from = world.from(&a, 1);
        let exchange = Exchange {
            pseudo: to.name.clone(),
            data: Data::parse("AAAA").ok_or("base64")?,
            id_group: id()?,
        };
        world.calls.handle_exchange(&from, exchange);
        Ok(())
    };
    send(&mut world, &b)?;
    assert_eq!(world.said(), ["b1 504 a", "a1 re 504 b"]);
    send(&mut world, &a)?;
    assert_eq!(world.said(), ["b1 504 a", "c1 504 a", "a1 re 504 a"]);
    send(&mut world, &person("d")?)?;
    assert_eq!(world.said(), ["a1 re 403"]);
    Ok(())
}

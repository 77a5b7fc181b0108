//! Any inputs in any order keep the machine in one piece.

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Debug, Clone)]
enum Input {
    Ring(usize, u64, bool, Vec<usize>),
    Accept(usize, u64, bool, bool),
    Quit(usize, u64),
    Info(usize),
    Away(usize, u64),
    Here(usize, u64),
    Gone(usize),
    Over(usize, u64),
    Left(usize),
    Pass(u64),
}

fn input() -> impl Strategy<Value = Input> {
    let who = 0..NAMES.len();
    let session = 1..3_u64;
    prop_oneof![
        (
            who.clone(),
            session.clone(),
            any::<bool>(),
            proptest::collection::vec(who.clone(), 0..4)
        )
            .prop_map(|(a, b, c, d)| Input::Ring(a, b, c, d)),
        (who.clone(), session.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(a, b, c, d)| Input::Accept(a, b, c, d)),
        (who.clone(), session.clone()).prop_map(|(a, b)| Input::Quit(a, b)),
        who.clone().prop_map(Input::Info),
        (who.clone(), session.clone()).prop_map(|(a, b)| Input::Away(a, b)),
        (who.clone(), session.clone()).prop_map(|(a, b)| Input::Here(a, b)),
        who.clone().prop_map(Input::Gone),
        (who.clone(), session).prop_map(|(a, b)| Input::Over(a, b)),
        who.prop_map(Input::Left),
        (0..400_u64).prop_map(Input::Pass),
    ]
}

impl World {
    /// One of two calls: a group's, or a direct one.
    fn apply(&mut self, people: &[Person], input: &Input) -> Outcome {
        let one = |index: usize| people.get(index).cloned().ok_or("nobody");
        match input {
            Input::Ring(who, number, direct, whom) => {
                let who = one(*who)?;
                let from = self.from(&who, *number);
                let mut candidates = Vec::new();
                for index in whom {
                    let person = one(*index)?;
                    if person != who {
                        candidates.push(Candidate {
                            person,
                            reachable: true,
                        });
                    }
                }
                candidates.dedup_by(|a, b| a.person == b.person);
                let placing = Placing {
                    id: GroupId::parse(if *direct { "pair" } else { "g" })?,
                    kind: if *direct { Kind::Direct } else { Kind::Group },
                    candidates,
                    named: *direct,
                    address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                    port: 0,
                    info: None,
                };
                self.calls.handle_ring(&from, placing, self.now);
            }
            Input::Accept(who, number, member, told) => {
                let told = told.then(|| info(7));
                self.accept(&one(*who)?, *number, *member, told)?;
            }
            Input::Quit(who, number) => self.quit(&one(*who)?, *number, None)?,
            Input::Info(who) => self.tell(&one(*who)?, 5)?,
            Input::Away(who, number) => {
                let who = one(*who)?;
                let session = session(&who, *number);
                self.calls.session_away(who.profile, session, self.now);
            }
            Input::Here(who, number) => {
                let who = one(*who)?;
                self.calls.session_here(who.profile, session(&who, *number));
            }
            Input::Gone(who) => self.calls.profile_away(one(*who)?.profile, self.now),
            Input::Over(who, number) => {
                let who = one(*who)?;
                self.calls.session_over(who.profile, session(&who, *number));
            }
            Input::Left(who) => self.calls.left_group(one(*who)?.profile, &id()?),
            Input::Pass(seconds) => self.pass(Duration::from_secs(*seconds)),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let calls = &self.calls;
        let mut joined = 0;
        let mut timers = 0;
        for (id, call) in &calls.calls {
            prop_assert!(!call.participants.is_empty());
            prop_assert!(call.participants.len() + call.ringing.len() >= 2);
            for place in &call.participants {
                joined += 1;
                prop_assert_eq!(calls.joined.get(&place.person.profile), Some(id));
                prop_assert!(!call.is_ringing(place.person.profile));
            }
            for rung in &call.ringing {
                let rings = calls.rung.get(&rung.person.profile);
                prop_assert!(rings.is_some_and(|ids| ids.contains(id)));
            }
            prop_assert_eq!(call.timer, call.next_timeout());
            if let Some(at) = call.timer {
                timers += 1;
                prop_assert!(at > self.now);
                prop_assert!(calls.timers.contains(&(at, id.clone())));
            }
        }
        let ringing: usize = calls.calls.values().map(|call| call.ringing.len()).sum();
        let rung: usize = calls
            .rung
            .values()
            .map(std::collections::HashSet::len)
            .sum();
        prop_assert_eq!(joined, calls.joined.len());
        prop_assert_eq!(timers, calls.timers.len());
        prop_assert_eq!(ringing, rung);
        Ok(())
    }
}

proptest! {
    #[test]
    fn the_machine_stays_in_one_piece(inputs in proptest::collection::vec(input(), 1..60)) {
        let mut world = World::new();
        let people: Vec<_> = NAMES.iter().filter_map(|name| person(name).ok()).collect();
        for input in &inputs {
            let applied = world.apply(&people, input);
            prop_assert!(applied.is_ok());
            world.said();
            world.check()?;
        }
        // Left alone with everybody gone, every call comes to its end.
        for who in &people {
            for number in 1..3 {
                world.calls.session_away(who.profile, session(who, number), world.now);
            }
        }
        world.pass(RING + GRACE);
        prop_assert!(world.is_empty());
    }
}

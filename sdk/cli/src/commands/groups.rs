//! Groups.

use cooee_sdk::{Group, GroupName};

use crate::args::{Global, GroupCommand};
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::report::Report;
use crate::session;

pub(crate) async fn run(global: &Global, console: &Console, command: GroupCommand) -> Outcome {
    let client = match command {
        GroupCommand::Create { name } => {
            let name = GroupName::parse(&name).map_err(Failure::invalid)?;
            let (client, _) = session::online(global).await?;
            let group = client.create_group(name).await?;
            console.tell(&Report::Group(group));
            client
        }
        GroupCommand::Add { group, pseudo } => {
            let name = session::name(&pseudo)?;
            let (client, _) = session::online(global).await?;
            let id_group = known(&client.groups(), &group)?.id_group.clone();
            let group = client.add_to_group(id_group, name).await?;
            console.tell(&Report::Group(group));
            client
        }
        GroupCommand::Quit { group } => {
            let (client, _) = session::online(global).await?;
            let id_group = known(&client.groups(), &group)?.id_group.clone();
            client.leave_group(id_group.clone()).await?;
            console.tell(&Report::GroupRemoved(id_group));
            client
        }
        GroupCommand::List => {
            let (client, online) = session::online_or_not(global, console).await?;
            console.tell(&Report::Groups {
                groups: client.groups(),
                online,
            });
            client
        }
    };
    client.close().await;
    Ok(())
}

/// The group that a word on the command line means, or why it means none.
fn known<'a>(groups: &'a [Group], word: &str) -> Result<&'a Group, Failure> {
    find(groups, word)?.ok_or_else(|| {
        Failure::new(
            "no_group",
            format!("no group has the id or the name `{word}`: cooee group list shows them"),
        )
    })
}

/// The group of this id, else of this name, else of this name without regard to case.
pub(crate) fn find<'a>(groups: &'a [Group], word: &str) -> Result<Option<&'a Group>, Failure> {
    let lower = word.to_lowercase();
    let tests: [&dyn Fn(&Group) -> bool; 3] = [
        &|group| group.id_group.as_str() == word,
        &|group| group.group_name.as_str() == word,
        &|group| group.group_name.as_str().to_lowercase() == lower,
    ];
    for test in tests {
        let found: Vec<_> = groups.iter().filter(|group| test(group)).collect();
        match found.as_slice() {
            [] => {}
            [group] => return Ok(Some(group)),
            several => {
                let ids: Vec<_> = several
                    .iter()
                    .map(|group| group.id_group.as_str())
                    .collect();
                return Err(Failure::new(
                    "ambiguous",
                    format!(
                        "{} groups are called `{word}`; say which by its id: {}",
                        several.len(),
                        ids.join(", ")
                    ),
                ));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use cooee_sdk::{Group, GroupId, GroupName};

    use super::{find, known};
    use crate::failure::Failure;

    fn group(id: &str, name: &str) -> Result<Group, Box<dyn std::error::Error>> {
        Ok(Group {
            id_group: GroupId::parse(id)?,
            group_name: GroupName::parse(name)?,
            list_pseudo: Vec::new(),
            last_update_date: "2026-11-23T10:00:00Z".to_owned(),
            creator: None,
        })
    }

    type Tested = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn an_id_wins_over_a_name_and_the_exact_name_over_the_rest() -> Tested {
        let groups = [
            group("g1", "Friends")?,
            group("g2", "friends")?,
            group("g3", "g1")?,
        ];
        let id = |word| find(&groups, word).map(|found| found.map(|group| group.id_group.clone()));
        let expected = |id: &str| GroupId::parse(id).map(Some);
        assert_eq!(id("g1"), Ok(expected("g1")?));
        assert_eq!(id("Friends"), Ok(expected("g1")?));
        assert_eq!(id("friends"), Ok(expected("g2")?));
        assert_eq!(id("G1"), Ok(expected("g3")?));
        assert_eq!(id("enemies"), Ok(None));
        Ok(())
    }

    #[test]
    fn an_ambiguous_name_lists_the_ids() -> Tested {
        let groups = [group("g1", "club")?, group("g2", "club")?];
        let Err(Failure { code, message }) = find(&groups, "club") else {
            return Err("it was not ambiguous".into());
        };
        assert_eq!(code, "ambiguous");
        assert!(
            message.contains("g1") && message.contains("g2"),
            "{message}"
        );
        Ok(())
    }

    #[test]
    fn an_unknown_group_is_a_failure_of_its_own() {
        assert!(matches!(
            known(&[], "club"),
            Err(Failure {
                code: "no_group",
                ..
            })
        ));
    }
}

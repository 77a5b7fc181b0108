//! Groups: 603, 604 and 605.

use std::sync::Arc;

use cooee_protocol::{AddToGroup, CreateGroup, GroupMember, ServerMessage};

use crate::app::{App, Request};
use crate::connection::Login;
use crate::db::groups::{self, Bounds};

impl App {
    fn bounds(&self) -> Bounds {
        Bounds {
            groups: self.config.max_groups,
            members: self.config.max_members,
        }
    }

    /// 603: creates a group.
    pub(crate) async fn create_group(
        self: &Arc<Self>,
        request: Request,
        login: &Login,
        args: CreateGroup,
    ) {
        let (profile, session) = (login.profile, login.session);
        let bounds = self.bounds();
        self.commit(
            &request,
            move |db| groups::create(db, profile, &args.group_name, bounds),
            move |state, request, created| {
                let message = ServerMessage::Group(created.group);
                request.answer(message.clone());
                state.tell_others(profile, session, message);
            },
        )
        .await;
    }

    /// 604: adds a contact to a group.
    pub(crate) async fn add_to_group(
        self: &Arc<Self>,
        request: Request,
        login: &Login,
        args: AddToGroup,
    ) {
        let (profile, session) = (login.profile, login.session);
        let bounds = self.bounds();
        self.commit(
            &request,
            move |db| groups::add(db, profile, &args.id_group, &args.pseudo, bounds),
            move |state, request, (changed, added)| {
                let news = ServerMessage::MemberAdded(GroupMember {
                    id_group: changed.group.id_group.clone(),
                    pseudo: added.name,
                });
                let group = ServerMessage::Group(changed.group);
                request.answer(group.clone());
                state.tell_others(profile, session, news.clone());
                let others = changed.members.into_iter();
                state.tell_all(others.filter(|member| *member != profile), &news);
                state.tell(added.profile, group);
            },
        )
        .await;
    }

    /// 605: leaves a group, or removes somebody.
    pub(crate) async fn quit_group(
        self: &Arc<Self>,
        request: Request,
        login: &Login,
        args: GroupMember,
    ) {
        let (profile, session) = (login.profile, login.session);
        let id = args.id_group.clone();
        self.commit(
            &request,
            move |db| groups::quit(db, profile, &args.id_group, &args.pseudo),
            move |state, request, departure| {
                let gone = departure.gone.profile;
                let left = ServerMessage::MemberLeft(GroupMember {
                    id_group: id.clone(),
                    pseudo: departure.gone.name,
                });
                request.answer(left.clone());
                state.tell_others(profile, session, left.clone());
                let others = departure.remaining.iter().copied().chain([gone]);
                let others = std::collections::BTreeSet::from_iter(others);
                state.tell_all(others.into_iter().filter(|one| *one != profile), &left);
                if let Some(inherited) = departure.inherited {
                    let group = ServerMessage::Group(inherited.group);
                    state.tell_all(departure.remaining, &group);
                }
                state.calls.left_group(gone, &id);
            },
        )
        .await;
    }
}

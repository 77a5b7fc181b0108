//! Blocking: 665, 666 and 667. The blocked person is told nothing, and sees somebody who is away.

use std::sync::Arc;

use cooee_protocol::{AddContact, Blocked, Profile, ServerMessage, Status};

use crate::app::{App, Request};
use crate::connection::Login;
use crate::db::blocks::{self, Blocking, Changed};
use crate::hub::State;
use crate::ids::ProfileId;

impl App {
    /// 665: blocks somebody.
    pub(crate) async fn block(self: &Arc<Self>, request: Request, login: &Login, args: AddContact) {
        let profile = login.profile;
        let most = self.config.max_blocked;
        self.commit(
            &request,
            move |db| blocks::block(db, profile, &args.pseudo, most),
            move |state, request, blocking| {
                let changed = tell_blocking(state, request, profile, blocking);
                let Some(changed) = changed else {
                    return;
                };
                if changed.contact && state.status(profile) != Status::Offline {
                    state.tell(changed.other.profile, presence(&changed, Status::Offline));
                }
                if changed.request_gone {
                    let gone = AddContact {
                        pseudo: changed.other.name,
                    };
                    state.tell(profile, ServerMessage::ContactDeleted(gone));
                }
                state.calls.stop_rings_of(changed.other.profile, profile);
            },
        )
        .await;
    }

    /// 666: blocks somebody no longer.
    pub(crate) async fn unblock(
        self: &Arc<Self>,
        request: Request,
        login: &Login,
        args: AddContact,
    ) {
        let profile = login.profile;
        self.commit(
            &request,
            move |db| blocks::unblock(db, profile, &args.pseudo),
            move |state, request, blocking| {
                let changed = tell_blocking(state, request, profile, blocking);
                let status = state.status(profile);
                if let Some(changed) = changed.filter(|changed| changed.contact)
                    && status != Status::Offline
                {
                    state.tell(changed.other.profile, presence(&changed, status));
                }
            },
        )
        .await;
    }

    /// 667: whom one blocks.
    pub(crate) async fn list_blocked(self: &Arc<Self>, request: Request, login: &Login) {
        let profile = login.profile;
        self.commit(
            &request,
            move |db| blocks::list(db, profile),
            |_, request, list_pseudo| {
                request.answer(ServerMessage::Blocked(Blocked { list_pseudo }));
            },
        )
        .await;
    }
}

/// Answers with everybody who is blocked, and tells the profile's other connections of a change.
fn tell_blocking(
    state: &mut State,
    request: &Request,
    profile: ProfileId,
    blocking: Blocking,
) -> Option<Changed> {
    let message = ServerMessage::Blocked(Blocked {
        list_pseudo: blocking.list,
    });
    request.answer(message.clone());
    if blocking.changed.is_some() {
        state.tell_followers([profile], Some(&request.outbox), &message);
    }
    blocking.changed
}

fn presence(changed: &Changed, status: Status) -> ServerMessage {
    ServerMessage::Profile(Profile {
        pp: changed.own.picture.clone(),
        pseudo: changed.own.name.clone(),
        status,
        previous_pseudo: None,
        token: None,
        stun: Vec::new(),
    })
}

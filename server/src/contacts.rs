//! Contacts: 606 and 607.

use std::sync::Arc;

use cooee_protocol::{AddContact, ServerMessage};

use crate::accounts::contact;
use crate::app::{App, Request};
use crate::connection::Login;
use crate::db::contacts::{self, Relation};

impl App {
    /// 606: asks for a contact, or confirms.
    pub(crate) async fn add_contact(
        self: &Arc<Self>,
        request: Request,
        login: &Login,
        args: AddContact,
    ) {
        let (profile, session) = (login.profile, login.session);
        let most = self.config.max_contacts;
        self.commit(
            &request,
            move |db| contacts::ask(db, profile, &args.pseudo, most),
            move |state, request, pair| {
                let (mine, theirs) = if pair.confirmed {
                    (Relation::Confirmed, Relation::Confirmed)
                } else {
                    (Relation::Pending, Relation::Requested)
                };
                let to_me = contact(state, mine, &pair.other, pair.unseen);
                let to_me = ServerMessage::ContactAdded(to_me);
                request.answer(to_me.clone());
                state.tell_others(profile, session, to_me);
                if pair.told {
                    let to_them = contact(state, theirs, &pair.own, false);
                    state.tell(pair.other.profile, ServerMessage::ContactAdded(to_them));
                }
            },
        )
        .await;
    }

    /// 607: withdraws, declines or removes a contact.
    pub(crate) async fn delete_contact(
        self: &Arc<Self>,
        request: Request,
        login: &Login,
        args: AddContact,
    ) {
        let (profile, session) = (login.profile, login.session);
        self.commit(
            &request,
            move |db| contacts::delete(db, profile, &args.pseudo),
            move |state, request, pair| {
                let deleted = |pseudo| ServerMessage::ContactDeleted(AddContact { pseudo });
                let to_me = deleted(pair.other.name);
                request.answer(to_me.clone());
                state.tell_others(profile, session, to_me);
                if pair.told {
                    state.tell(pair.other.profile, deleted(pair.own.name));
                }
            },
        )
        .await;
    }
}

//! 668: deleting a profile.

use cooee_protocol::{
    AddContact, DeleteProfile, Empty, ErrorCode, ErrorReply, GroupMember, ServerMessage,
};

use crate::accounts::refuse_password;
use crate::app::{App, Request};
use crate::connection::{Connection, Login};
use crate::db::deletion::{self, Gone};
use crate::db::profiles;
use crate::hub::State;
use crate::ids::ProfileId;
use crate::limits::now;
use crate::outbox::Close;
use crate::passwords::Verdict;

impl Connection {
    /// 668: deletes the profile; the connection stays, not logged in.
    pub(crate) async fn delete_profile(
        &mut self,
        request: Request,
        login: &Login,
        args: DeleteProfile,
    ) {
        let app = std::sync::Arc::clone(&self.app);
        let profile = login.profile;
        let stored = app.db.ask(move |db| {
            let name = profiles::by_id(db, profile)?.name;
            Ok((name, profiles::password_of(db, profile)?))
        });
        let (name, hash) = match stored.await {
            Ok(stored) => stored,
            Err(error) => return request.fail(error),
        };
        let account = name.key().to_owned();
        if !app.account_logins.take(&account, now()) {
            return request.refuse(ErrorCode::SlowDown, "too many attempts; wait a moment");
        }
        match app
            .passwords
            .verify(args.password.expose(), Some(hash.clone()))
            .await
        {
            Ok(Verdict::Right | Verdict::RightButDated) => app.account_logins.give_back(&account),
            Ok(Verdict::Wrong) => return request.refuse(ErrorCode::AuthFailed, "wrong password"),
            Err(error) => {
                app.account_logins.give_back(&account);
                return refuse_password(&request, &error);
            }
        }
        let session = login.session;
        let gone = app.commit(
            &request,
            move |db| deletion::delete(db, profile, &hash),
            move |state, request, gone| {
                let over = ErrorReply::new(ErrorCode::AuthFailed, "the profile was deleted");
                let over = ServerMessage::Error(over);
                state.end_others(profile, session, &over, Close::DELETED, now());
                state.end_session(session, now());
                request.answer(ServerMessage::DeleteProfile(Empty {}));
                let pictures = gone.pictures.clone();
                tell_gone(state, profile, gone);
                pictures
            },
        );
        if let Some(pictures) = gone.await {
            self.login = None;
            app.cleaning.notify_one();
            app.remove_pictures(pictures).await;
        }
    }
}

impl App {
    /// Removes the files of pictures that nobody has any more.
    async fn remove_pictures(&self, pictures: Vec<cooee_protocol::PictureId>) {
        if pictures.is_empty() {
            return;
        }
        // Not while one of them may be on its way in again.
        let _no_upload = self.uploads.lock().await;
        for picture in pictures {
            let id = picture.clone();
            let back = self
                .db
                .ask(move |db| crate::db::pictures::media_type(db, &id))
                .await;
            if matches!(back, Ok(None)) {
                crate::pictures::remove(&self.config.data, &picture).await;
            }
        }
    }
}

/// Tells everybody who had to do with the profile.
fn tell_gone(state: &mut State, profile: ProfileId, gone: Gone) {
    let name = gone.own.name;
    let deleted = ServerMessage::ContactDeleted(AddContact {
        pseudo: name.clone(),
    });
    state.tell_all(gone.contacts, &deleted);
    for (id_group, departure) in gone.groups {
        let left = ServerMessage::MemberLeft(GroupMember {
            id_group: id_group.clone(),
            pseudo: name.clone(),
        });
        state.tell_all(departure.remaining.iter().copied(), &left);
        if let Some(inherited) = departure.inherited {
            state.tell_all(departure.remaining, &ServerMessage::Group(inherited.group));
        }
        state.calls.left_group(profile, &id_group);
    }
}

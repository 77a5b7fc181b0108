//! Conversations: 660 to 664.

mod following;

use std::sync::Arc;

use cooee_protocol::{
    ErrorCode, ListConversations, MarkEntries, Marks, NotSent, PostEntry, PullEntries,
    ServerMessage, SetTyping, Typing,
};

use tokio::sync::OwnedSemaphorePermit;

use crate::app::{App, Request};
use crate::connection::Login;
use crate::db::entries::{self, not_sent};
use crate::db::{JobError, conversations, profiles};
use crate::limits::now;

impl App {
    /// 660: posts an entry. Does not wait for the disk: what a connection posts in a row shares
    /// the commits, in its order.
    pub(crate) async fn post_entry(
        self: &Arc<Self>,
        request: Request,
        login: &Login,
        args: PostEntry,
        place: OwnedSemaphorePermit,
    ) {
        let profile = login.profile;
        if !self.posts.take(&profile, now()) {
            let error = not_sent(&args.id, &args.destination, NotSent::TooMany);
            return request.fail(JobError::Refused(error));
        }
        self.commit_soon(
            request,
            place,
            move |db| entries::post(db, profile, &args),
            move |state, request, posted| {
                request.answer(ServerMessage::EntryAccepted(posted.accepted));
                if let Some(news) = posted.news {
                    state.tell_entry(profile, Some(&request.outbox), news);
                }
            },
        )
        .await;
    }

    /// 661: tells, or only asks, how far members have come.
    pub(crate) async fn mark_entries(
        self: &Arc<Self>,
        request: Request,
        login: &Login,
        args: MarkEntries,
    ) {
        let profile = login.profile;
        self.commit(
            &request,
            move |db| conversations::mark(db, profile, &args),
            move |state, request, marked| {
                let id_group = marked.all.id_group.clone();
                request.answer(ServerMessage::Marks(marked.all));
                if let Some(mark) = marked.grown {
                    let message = ServerMessage::Marks(Marks {
                        id_group,
                        list_mark: vec![mark],
                    });
                    let to = marked.others.into_iter().chain([profile]);
                    state.tell_followers(to, Some(&request.outbox), &message);
                }
            },
        )
        .await;
    }

    /// 662: tells that somebody begins or stops typing. Nothing of it is kept.
    pub(crate) async fn set_typing(
        self: &Arc<Self>,
        request: Request,
        login: &Login,
        args: SetTyping,
    ) {
        let profile = login.profile;
        if !self.typing.take(&profile, now()) {
            return request.refuse(ErrorCode::SlowDown, "too much typing");
        }
        self.commit(
            &request,
            move |db| {
                let watchers = conversations::watchers(db, profile, &args.id_group)?;
                let pseudo = profiles::by_id(db, profile)?.name;
                let typing = Typing {
                    id_group: args.id_group,
                    pseudo,
                    typing: args.typing,
                };
                Ok((watchers, typing))
            },
            move |state, request, (watchers, typing)| {
                let message = ServerMessage::Typing(typing);
                request.answer(message.clone());
                state.tell_followers(watchers, None, &message);
            },
        )
        .await;
    }

    /// 663: a page of entries. Answered in the order of the commits, like everything that is told
    /// of entries: a page that came behind the news of a later entry would hide it.
    pub(crate) async fn pull_entries(
        self: &Arc<Self>,
        request: Request,
        login: &Login,
        args: PullEntries,
    ) {
        let profile = login.profile;
        self.commit(
            &request,
            move |db| entries::page(db, profile, &args),
            |_, request, page| request.answer(ServerMessage::Entries(page)),
        )
        .await;
    }

    /// 664: the conversations that have changed; the connection follows from now on.
    pub(crate) async fn list_conversations(
        self: &Arc<Self>,
        request: Request,
        login: &Login,
        args: ListConversations,
    ) {
        let profile = login.profile;
        self.commit(
            &request,
            move |db| conversations::list(db, profile, &args),
            |_, request, list| {
                request.outbox.follow();
                request.answer(ServerMessage::Conversations(list));
            },
        )
        .await;
    }
}

//! Messages to sessions: by profile, to one or all but one, and what the calls have to say.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use cooee_protocol::{CallEntry, GroupId, RelayAccess, RequestInfo, ServerMessage};

use super::{Link, MOST_MISSED, State};
use crate::calls::{Output, Target};
use crate::ids::{ProfileId, SessionId};
use crate::limits::now;
use crate::outbox::{Outbox, encode};
use crate::relay::{RENEWAL, unix_now};
use crate::voice;

impl State {
    /// Sends to every session of the profile that is here.
    pub(crate) fn tell(&mut self, profile: ProfileId, message: ServerMessage) {
        self.tell_target(Target::Profile(profile), message);
    }

    /// Sends to every session of the profile but one.
    pub(crate) fn tell_others(
        &mut self,
        profile: ProfileId,
        but: SessionId,
        message: ServerMessage,
    ) {
        self.tell_target(Target::Others(profile, but), message);
    }

    /// Sends to every session of all these profiles.
    pub(crate) fn tell_all(
        &mut self,
        profiles: impl IntoIterator<Item = ProfileId>,
        message: &ServerMessage,
    ) {
        let mut text = None;
        for profile in profiles {
            for id in self.sessions_of(profile) {
                let text = text.get_or_insert_with(|| encode(None, message.clone()));
                if let Some(text) = text {
                    self.send_text(id, text.clone(), message);
                }
            }
        }
    }

    /// Sends to every connection of these profiles that follows, but for one.
    pub(crate) fn tell_followers(
        &mut self,
        profiles: impl IntoIterator<Item = ProfileId>,
        but: Option<&Arc<Outbox>>,
        message: &ServerMessage,
    ) {
        let mut text = None;
        for profile in profiles {
            let Some(online) = self.online.get(&profile) else {
                continue;
            };
            for id in &online.sessions {
                let Some(Link::Here(outbox)) = self.sessions.get(id).map(|found| &found.link)
                else {
                    continue;
                };
                if !outbox.follows() || but.is_some_and(|but| Arc::ptr_eq(but, outbox)) {
                    continue;
                }
                let text = text.get_or_insert_with(|| encode(None, message.clone()));
                if let Some(text) = text {
                    outbox.send_text(text.clone());
                }
            }
        }
    }

    fn tell_target(&mut self, to: Target, message: ServerMessage) {
        let sessions = match to {
            Target::Session(id) => vec![id],
            Target::Profile(profile) => self.sessions_of(profile),
            Target::Others(profile, but) => {
                let mut sessions = self.sessions_of(profile);
                sessions.retain(|id| *id != but);
                sessions
            }
        };
        if sessions.is_empty() {
            return;
        }
        if let Some(text) = encode(None, message.clone()) {
            for id in sessions {
                self.send_text(id, text.clone(), &message);
            }
        }
    }

    fn send_text(&mut self, to: SessionId, text: Utf8Bytes, message: &ServerMessage) {
        match self.sessions.get_mut(&to).map(|session| &mut session.link) {
            Some(Link::Here(outbox)) => {
                outbox.send_text(text);
            }
            // What matters after a break: that a call, or somebody in it, is gone.
            Some(Link::Away { missed, .. })
                if matches!(message, ServerMessage::Quit(_)) && missed.len() < MOST_MISSED =>
            {
                missed.push(text);
            }
            Some(Link::Away { .. }) | None => {}
        }
    }

    /// What a participant needs to use the relay; it gets it anew before that is worth nothing.
    fn lend_relay(&mut self, call: &GroupId, session: SessionId) -> Option<RelayAccess> {
        let access = self.relay.credentials(call, session, unix_now())?;
        self.renewals.note(session, now() + RENEWAL);
        Some(access)
    }

    /// Repeats 505 for a participant who has answered it, for what it says of the relay.
    pub(super) fn lend_relay_anew(&mut self, call: GroupId, session: SessionId) {
        let relay = self.lend_relay(&call, session);
        if relay.is_some() {
            let request = RequestInfo {
                id_group: call,
                relay,
            };
            let message = ServerMessage::RequestInfo(request);
            self.tell_target(Target::Session(session), message);
        }
    }

    pub(super) fn deliver(&mut self, output: Output) {
        match output {
            Output::Send {
                to: Target::Session(id),
                re: re @ Some(_),
                message,
            } => {
                if let Some(Link::Here(outbox)) = self.sessions.get(&id).map(|s| &s.link) {
                    outbox.send(re, message);
                }
            }
            // 505 goes to one session, with what that one needs to use the relay.
            Output::Send {
                to: to @ Target::Session(session),
                message: ServerMessage::RequestInfo(mut request),
                ..
            } => {
                request.relay = self.lend_relay(&request.id_group, session);
                self.tell_target(to, ServerMessage::RequestInfo(request));
            }
            Output::Send { to, message, .. } => self.tell_target(to, message),
            Output::Relay {
                to,
                from,
                id,
                voice,
            } => {
                if let Some(Link::Here(outbox)) = self.sessions.get(&to).map(|s| &s.link)
                    && let Some(frame) = voice::frame(outbox.is_binary(), from, id, voice)
                {
                    outbox.send_voice(frame);
                }
            }
            Output::LendRelay(call, session) => self.lend_relay_anew(call, session),
            Output::Presence(profile) => {
                self.unannounced.insert(profile);
            }
            Output::Left(call, session) => self.relay.participant_left(&call, session),
            Output::Ended(call) => self.relay.call_ended(&call),
            Output::Over(over) => {
                let duration = over
                    .answered
                    .map_or(0, |since| now().saturating_duration_since(since).as_secs());
                let entry = CallEntry {
                    outcome: over.outcome,
                    duration,
                };
                self.over.push((over.id, over.caller, entry));
            }
        }
    }
}

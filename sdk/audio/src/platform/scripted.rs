//! A phone that does as it is told.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    AudioPlatform, AudioRoute, Permission, PlatformError, PlatformListener, PlatformNews,
    RouteChange,
};

/// A platform for tests: it notes what it is asked, answers what it was given, and tells what
/// [`tell`](Self::tell) is called with.
#[derive(Default)]
pub struct ScriptedAudio {
    script: Mutex<Script>,
}

struct Script {
    permission: Permission,
    /// What the person says when asked.
    answer: Permission,
    refusal: Option<String>,
    routes: Vec<AudioRoute>,
    listener: Option<PlatformListener>,
    asked: Vec<String>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            permission: Permission::Granted,
            answer: Permission::Granted,
            refusal: None,
            routes: Vec::new(),
            listener: None,
            asked: Vec::new(),
        }
    }
}

impl ScriptedAudio {
    /// A platform that grants everything and has no routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the app may listen, and what the person says when asked.
    pub fn permit(&self, now: Permission, when_asked: Permission) {
        let mut script = self.script();
        (script.permission, script.answer) = (now, when_asked);
    }

    /// Refuses the next sessions in these words.
    pub fn refuse(&self, words: impl Into<String>) {
        self.script().refusal = Some(words.into());
    }

    /// Has these routes from now on, and says so if there is a session.
    pub fn set_routes(&self, routes: Vec<AudioRoute>) {
        self.script().routes = routes;
        self.tell(PlatformNews::RoutesChanged);
    }

    /// Tells something, if there is a session to hear it.
    pub fn tell(&self, news: PlatformNews) {
        let script = self.script();
        if let Some(listener) = &script.listener {
            listener(news);
        }
    }

    /// What it was asked so far: `begin`, `end`, `permission`, `select ID`.
    pub fn asked(&self) -> Vec<String> {
        self.script().asked.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AudioPlatform for ScriptedAudio {
    fn permission(&self) -> Permission {
        self.script().permission
    }

    fn ask_permission(&self) -> Permission {
        let mut script = self.script();
        script.asked.push("permission".to_owned());
        script.permission = script.answer;
        script.permission
    }

    fn begin(&self, listener: PlatformListener) -> Result<(), PlatformError> {
        let mut script = self.script();
        script.asked.push("begin".to_owned());
        if let Some(words) = &script.refusal {
            return Err(PlatformError::Refused(words.clone()));
        }
        script.listener = Some(listener);
        Ok(())
    }

    fn end(&self) {
        let mut script = self.script();
        script.asked.push("end".to_owned());
        script.listener = None;
    }

    fn routes(&self) -> Vec<AudioRoute> {
        self.script().routes.clone()
    }

    fn select(&self, id: &str) -> Result<RouteChange, PlatformError> {
        let mut script = self.script();
        script.asked.push(format!("select {id}"));
        if !script.routes.iter().any(|route| route.id == id) {
            return Err(PlatformError::NoRoute);
        }
        for route in &mut script.routes {
            route.active = route.id == id;
        }
        Ok(RouteChange::Moved)
    }
}

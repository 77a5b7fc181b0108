//! The history of calls, which only this device keeps.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::session::is_alive;
use super::{
    Cache, CacheError, CallDirection, CallId, CallRecord, INTERRUPTED, NewCall, unexpected_text,
};

/// How many calls the history keeps; older ones are forgotten.
const KEPT_CALLS: i64 = 10_000;

/// How many calls one page of the history has at most.
const PAGE: u32 = 1_000;

impl Cache {
    /// Writes down that a call started to ring. The call goes on until
    /// [`record_call_ended`](Self::record_call_ended).
    ///
    /// # Errors
    ///
    /// What SQLite reports; nothing is changed then.
    pub fn record_call_started(&mut self, call: &NewCall) -> Result<CallId, CacheError> {
        let name_key = self.name_key;
        // Before the row, so that no other process sees the call and finds its session dead.
        self.session.hold(&self.path)?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction
            .prepare_cached(
                "INSERT INTO call (session, id_group, direction, started_at) \
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                self.session.id(),
                call.id_group,
                call.direction.as_str(),
                call.started_at
            ])?;
        let id = CallId(transaction.last_insert_rowid());
        for peer in &call.peers {
            write_peer(&transaction, id, &name_key(peer), peer)?;
        }
        transaction
            .prepare_cached("DELETE FROM call WHERE id <= ?1")?
            .execute([id.0.saturating_sub(KEPT_CALLS)])?;
        transaction.commit()?;
        Ok(id)
    }

    /// Writes down which group a call belongs to, once the server has said it.
    ///
    /// # Errors
    ///
    /// [`CacheError::UnknownCall`], and what SQLite reports.
    pub fn record_call_group(&mut self, id: CallId, id_group: &str) -> Result<(), CacheError> {
        let changed = self
            .connection
            .prepare_cached("UPDATE call SET id_group = ?2 WHERE id = ?1")?
            .execute(params![id.0, id_group])?;
        if changed == 0 {
            return Err(CacheError::UnknownCall(id));
        }
        Ok(())
    }

    /// Writes down another participant; one who is known changes nothing.
    ///
    /// # Errors
    ///
    /// [`CacheError::UnknownCall`], and what SQLite reports.
    pub fn record_call_peer(&mut self, id: CallId, pseudo: &str) -> Result<(), CacheError> {
        let key = self.key(pseudo);
        let transaction = self.write()?;
        require_call(&transaction, id)?;
        write_peer(&transaction, id, &key, pseudo)?;
        Ok(transaction.commit()?)
    }

    /// Writes down when a call was accepted, in milliseconds since the Unix epoch. The first time
    /// counts.
    ///
    /// # Errors
    ///
    /// [`CacheError::UnknownCall`], and what SQLite reports.
    pub fn record_call_accepted(&mut self, id: CallId, at: i64) -> Result<(), CacheError> {
        let transaction = self.write()?;
        require_call(&transaction, id)?;
        transaction
            .prepare_cached(
                "INSERT INTO call_accepted (call, accepted_at) VALUES (?1, ?2) \
                 ON CONFLICT (call) DO NOTHING",
            )?
            .execute([id.0, at])?;
        Ok(transaction.commit()?)
    }

    /// Writes down when and why a call ended, in milliseconds since the Unix epoch. The first end
    /// counts, unless it was only taken for [`INTERRUPTED`].
    ///
    /// # Errors
    ///
    /// [`CacheError::UnknownCall`], and what SQLite reports.
    pub fn record_call_ended(
        &mut self,
        id: CallId,
        at: i64,
        reason: &str,
    ) -> Result<(), CacheError> {
        let transaction = self.write()?;
        require_call(&transaction, id)?;
        transaction
            .prepare_cached(
                "INSERT INTO call_ended (call, ended_at, reason) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (call) DO UPDATE \
                 SET ended_at = excluded.ended_at, reason = excluded.reason WHERE reason = ?4",
            )?
            .execute(params![id.0, at, reason, INTERRUPTED])?;
        transaction.commit()?;
        if !calls_go_on(&self.connection, self.session.id())? {
            self.session.release();
        }
        Ok(())
    }

    /// The latest `limit` calls (1000 at most), latest first; with `before`, those that came
    /// before that call, for the next page.
    ///
    /// # Errors
    ///
    /// What SQLite reports.
    pub fn calls(&self, limit: u32, before: Option<CallId>) -> Result<Vec<CallRecord>, CacheError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT page.id, id_group, direction, started_at, accepted_at, ended_at, reason, \
                    peer.pseudo \
             FROM (SELECT * FROM call WHERE id < ?1 ORDER BY id DESC LIMIT ?2) AS page \
             LEFT JOIN call_accepted ON call_accepted.call = page.id \
             LEFT JOIN call_ended ON call_ended.call = page.id \
             LEFT JOIN call_peer AS peer ON peer.call = page.id \
             ORDER BY page.id DESC, peer.position",
        )?;
        let before = before.map_or(i64::MAX, |id| id.0);
        let mut rows = statement.query(params![before, limit.min(PAGE)])?;
        let mut calls: Vec<CallRecord> = Vec::new();
        while let Some(row) = rows.next()? {
            let id = CallId(row.get(0)?);
            let peer: Option<String> = row.get(7)?;
            match calls.last_mut() {
                Some(call) if call.id == id => call.peers.extend(peer),
                _ => {
                    let direction: String = row.get(2)?;
                    calls.push(CallRecord {
                        id,
                        id_group: row.get(1)?,
                        direction: CallDirection::parse(&direction)
                            .ok_or_else(|| unexpected_text("call.direction", &direction))?,
                        peers: peer.into_iter().collect(),
                        started_at: row.get(3)?,
                        accepted_at: row.get(4)?,
                        ended_at: row.get(5)?,
                        end_reason: row.get(6)?,
                    });
                }
            }
        }
        Ok(calls)
    }

    /// Closes the calls of sessions that are gone, and goes on with the own ones.
    pub(super) fn settle_calls(&mut self) -> Result<(), CacheError> {
        let unsettled = sessions_in_calls(&self.connection)?;
        if unsettled.iter().any(|id| id == self.session.id()) {
            self.session.hold(&self.path)?;
        }
        if unsettled.iter().all(|id| id == self.session.id()) {
            return Ok(());
        }
        // Read again under the write lock: a session holds its file from before the row of its
        // call is written until after that call ended, so what shows here with a free file is
        // dead and not merely between two calls.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for session in sessions_in_calls(&transaction)? {
            if session == self.session.id() || is_alive(&self.path, &session) {
                continue;
            }
            // Nobody knows when such a call ended; the last moment written down does not pretend
            // that it lasted until now.
            transaction.execute(
                "INSERT INTO call_ended (call, ended_at, reason) \
                 SELECT id, max(started_at, coalesce(accepted_at, started_at)), ?2 \
                 FROM call LEFT JOIN call_accepted ON call_accepted.call = call.id \
                 WHERE session = ?1 \
                 ON CONFLICT (call) DO NOTHING",
                params![session, INTERRUPTED],
            )?;
        }
        Ok(transaction.commit()?)
    }
}

/// The sessions that have a call which never ended.
fn sessions_in_calls(connection: &Connection) -> Result<Vec<String>, CacheError> {
    let sessions = connection
        .prepare_cached(
            "SELECT DISTINCT session FROM call \
             WHERE NOT EXISTS (SELECT 1 FROM call_ended WHERE call_ended.call = call.id)",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(sessions)
}

fn require_call(transaction: &Transaction<'_>, id: CallId) -> Result<(), CacheError> {
    transaction
        .prepare_cached("SELECT 1 FROM call WHERE id = ?1")?
        .query_row([id.0], |_| Ok(()))
        .optional()?
        .ok_or(CacheError::UnknownCall(id))
}

fn calls_go_on(connection: &Connection, session: &str) -> Result<bool, CacheError> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM call WHERE session = ?1 AND NOT EXISTS \
             (SELECT 1 FROM call_ended WHERE call_ended.call = call.id))",
        )?
        .query_row([session], |row| row.get(0))?)
}

fn write_peer(
    transaction: &Transaction<'_>,
    id: CallId,
    key: &str,
    pseudo: &str,
) -> Result<(), CacheError> {
    transaction
        .prepare_cached(
            "INSERT INTO call_peer (call, position, name_key, pseudo) \
             SELECT ?1, coalesce(max(position) + 1, 0), ?2, ?3 FROM call_peer WHERE call = ?1 \
             ON CONFLICT (call, name_key) DO NOTHING",
        )?
        .execute(params![id.0, key, pseudo])?;
    Ok(())
}

//! How the database finds entries: by index, however many there are.

use rusqlite::{Connection, params};

use super::page::query;
use crate::db::migrations::migrate;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn database() -> Result<Connection, Box<dyn std::error::Error>> {
    let mut db = Connection::open_in_memory()?;
    migrate(&mut db)?;
    Ok(db)
}

/// The steps of a query, in SQLite's words.
fn plan(db: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let count = explain.parameter_count();
    let parameters = rusqlite::params_from_iter(std::iter::repeat_n(1, count));
    explain
        .query_map(parameters, |row| row.get(3))?
        .collect::<Result<_, _>>()
}

#[test]
fn every_query_of_entries_goes_by_an_index() -> Outcome {
    let db = database()?;
    let queries = [
        query(true),
        query(false),
        "SELECT 1 FROM entries WHERE conversation = ? AND id = ?".to_owned(),
        "SELECT 1 FROM entries WHERE author = ? AND id = ?".to_owned(),
        "SELECT max(sequence) FROM entries
         WHERE conversation = ? AND audience = ? AND sequence < ?"
            .to_owned(),
        "UPDATE entries SET body = NULL
         WHERE conversation = ? AND refers_to = ? AND kind IN (1, 3)"
            .to_owned(),
        "SELECT profile FROM places WHERE conversation = ?".to_owned(),
        "SELECT conversation FROM places WHERE profile = ?".to_owned(),
    ];
    for sql in queries {
        let steps = plan(&db, &sql)?;
        for step in &steps {
            assert!(
                step.starts_with("SEARCH") && !step.contains("TEMP B-TREE"),
                "{sql}: {steps:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_page_reads_no_more_of_a_long_conversation_than_itself() -> Outcome {
    let db = database()?;
    db.execute_batch("BEGIN")?;
    let mut insert = db.prepare(
        "INSERT INTO entries (conversation, audience, sequence, id, time, author, kind, body)
         VALUES (1, 0, ?1, ?2, 0, 1, 0, 'text')",
    )?;
    for sequence in 1..=100_000_i64 {
        insert.execute(params![sequence, u128::try_from(sequence)?.to_be_bytes()])?;
    }
    db.execute_batch("COMMIT")?;
    for (after, bound) in [
        (true, 50_000),
        (false, 50_000),
        (false, i64::MAX),
        (true, 0),
    ] {
        let mut page = db.prepare(&query(after))?;
        let rows = page
            .query_map(params![1, 0, 0, bound, 201], |row| row.get::<_, i64>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        assert_eq!(rows.len(), 201);
        // What the virtual machine did, in steps: no matter of the clock.
        let steps = page.get_status(rusqlite::StatementStatus::VmStep);
        assert!(steps < 201 * 40, "{steps} steps for a page");
    }
    Ok(())
}

//! The full-text index over what messages say now.

use std::borrow::Cow;

use rusqlite::{Transaction, params};
use serde::Deserialize;

use crate::cache::CacheError;

pub(super) fn write_words(
    transaction: &Transaction<'_>,
    key: i64,
    words: &str,
) -> Result<(), CacheError> {
    transaction
        .prepare_cached("INSERT INTO entry_words (rowid, words) VALUES (?1, ?2)")?
        .execute(params![key, words])?;
    Ok(())
}

pub(super) fn remove_words(transaction: &Transaction<'_>, key: i64) -> Result<(), CacheError> {
    transaction
        .prepare_cached("DELETE FROM entry_words WHERE rowid = ?1")?
        .execute([key])?;
    Ok(())
}

/// What of a body is searched: texts, and what was written to files together with their names.
pub(super) fn searched<'a>(content_type: &str, body: &'a str) -> Cow<'a, str> {
    match content_type {
        "text/plain" => Cow::Borrowed(body),
        "application/vnd.cooee.files+json" => {
            let Ok(files) = serde_json::from_str::<Files>(body) else {
                return Cow::Borrowed("");
            };
            let names = files.files.iter().map(|file| file.name.as_str());
            let words: Vec<_> = std::iter::once(files.text.as_str()).chain(names).collect();
            Cow::Owned(words.join("\n"))
        }
        _ => Cow::Borrowed(""),
    }
}

#[derive(Deserialize)]
struct Files {
    #[serde(default)]
    text: String,
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    name: String,
}

/// What a person typed, as a query: every word has to be there, the last one at least as the
/// beginning of one. Nothing of it is syntax. `None` where there is no word.
pub(super) fn query(typed: &str) -> Option<String> {
    let words: Vec<String> = typed
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    (!words.is_empty()).then(|| format!("{}*", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn what_is_typed_is_never_syntax() {
        assert_eq!(query("call me"), Some("\"call\" \"me\"*".to_owned()));
        assert_eq!(query("a\"b OR"), Some("\"a\"\"b\" \"OR\"*".to_owned()));
        assert_eq!(query(" \" * -- "), None);
    }
}

//! Everything of one's own, in files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::types::{Body, FileInfo, Message, MessageError, Recipient};
use crate::Client;

/// Messages of a page of an export.
const PAGE: u32 = 200;

/// How far an export has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportProgress {
    /// Messages written.
    pub messages: u64,
    /// Conversations written.
    pub conversations: usize,
    /// Conversations in all.
    pub all_conversations: usize,
    /// Files written.
    pub files: usize,
    /// Files in all, as far as they are known: more are found with each conversation.
    pub all_files: usize,
    /// Files that could not be had.
    pub missing_files: usize,
    /// Conversations whose older messages could not be fetched.
    pub incomplete: usize,
}

impl Client {
    /// Writes everything of one's own to a folder, which may not have anything in it: profile,
    /// contacts, groups, calls and whom one blocks as JSON, each conversation as lines of JSON,
    /// and the files of messages. What is not on this device is fetched, if the server can be
    /// reached. `progress` is told how far it has come.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read or a file not be written.
    pub async fn export(
        &self,
        folder: &Path,
        mut progress: impl FnMut(ExportProgress),
    ) -> Result<ExportProgress, MessageError> {
        make_empty(folder)?;
        self.export_account(folder).await?;
        let mut done = ExportProgress::default();
        let conversations = self.conversations().await?;
        done.all_conversations = conversations.len();
        let mut files: BTreeMap<String, FileInfo> = BTreeMap::new();
        let mut index = Vec::new();
        let messages = folder.join("messages");
        make(&messages)?;
        for (number, conversation) in (1_usize..).zip(&conversations) {
            let name = format!("{number:04}.jsonl");
            index.push(json!({
                "file": format!("messages/{name}"),
                "id_group": conversation.id_group,
                "with": match &conversation.with {
                    Recipient::Contact(name) => json!({"contact": name}),
                    Recipient::Group(id) => json!({"group": id}),
                },
                "title": conversation.title,
            }));
            let path = messages.join(name);
            let whole = self
                .export_conversation(&conversation.with, &path, &mut files, |count| {
                    done.messages += count;
                    progress(done);
                })
                .await?;
            done.incomplete += usize::from(!whole);
            done.conversations = number;
            done.all_files = files.len();
            progress(done);
        }
        write_json(&folder.join("conversations.json"), &Value::Array(index))?;
        if !files.is_empty() {
            make(&folder.join("files"))?;
        }
        for file in files.values() {
            let to = folder.join("files").join(safe_name(file));
            match self.fetch_attachment(&file.id).await {
                Ok(from) => {
                    fs::copy(from, &to).map_err(|source| file_error(&to, source))?;
                    done.files += 1;
                }
                Err(MessageError::Offline | MessageError::Transfer(_)) => done.missing_files += 1,
                Err(error) => return Err(error),
            }
            progress(done);
        }
        Ok(done)
    }

    async fn export_account(&self, folder: &Path) -> Result<(), MessageError> {
        let profile = self
            .profile()
            .map(|me| json!({"pseudo": me.name, "pp": me.picture, "server": self.server()}));
        write_json(&folder.join("profile.json"), &json!(profile))?;
        write_json(&folder.join("contacts.json"), &json!(self.contacts()))?;
        write_json(&folder.join("groups.json"), &json!(self.groups()))?;
        write_json(&folder.join("blocked.json"), &json!(self.blocked().await?))?;
        let mut calls = Vec::new();
        let mut before = None;
        loop {
            let page = self.history(1_000, before).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            calls.extend(page.into_iter().map(|call| {
                json!({
                    "id_group": call.id_group,
                    "direction": call.direction.as_str(),
                    "peers": call.peers,
                    "started_at": call.started_at,
                    "accepted_at": call.accepted_at,
                    "ended_at": call.ended_at,
                    "reason": call.end_reason,
                })
            }));
        }
        write_json(&folder.join("calls.json"), &Value::Array(calls))
    }

    /// Writes one conversation, the oldest message first; says whether nothing is missing.
    async fn export_conversation(
        &self,
        with: &Recipient,
        path: &Path,
        files: &mut BTreeMap<String, FileInfo>,
        mut written: impl FnMut(u64),
    ) -> Result<bool, MessageError> {
        // Everything is fetched before the first is written: pages come backwards.
        let mut pages = Vec::new();
        let mut before = None;
        let whole = loop {
            let page = self.messages(with, before, PAGE).await?;
            let Some(first) = page.messages.first() else {
                break !page.more;
            };
            before = Some(first.sequence);
            pages.push(before);
            if !page.more {
                break true;
            }
        };
        let file = File::create(path).map_err(|source| file_error(path, source))?;
        let mut out = BufWriter::new(file);
        // Only where each page begins is kept in memory, not what is in it.
        let mut ends = pages.clone();
        ends.insert(0, None);
        for end in ends.iter().take(pages.len()).rev() {
            let page = self.messages(with, *end, PAGE).await?;
            for message in &page.messages {
                if let Body::Files {
                    files: attached, ..
                } = &message.body
                {
                    for file in attached {
                        files.insert(file.id.to_string(), file.clone());
                    }
                }
                serde_json::to_writer(&mut out, &message_json(message))
                    .map_err(std::io::Error::from)
                    .and_then(|()| out.write_all(b"\n"))
                    .map_err(|source| file_error(path, source))?;
            }
            written(page.messages.len() as u64);
        }
        out.flush().map_err(|source| file_error(path, source))?;
        Ok(whole)
    }
}

/// A message as an object, for files and programs.
pub fn message_json(message: &Message) -> Value {
    let reactions: Vec<_> = message
        .reactions
        .iter()
        .map(|reaction| json!({"pseudo": reaction.author, "body": reaction.body}))
        .collect();
    let mut object = json!({
        "sequence": message.sequence,
        "id": message.id,
        "pseudo": message.author,
        "own": message.own,
        "at_ms": message.at,
        "reply_to": message.reply_to,
        "edited_at_ms": message.edited_at,
        "reactions": reactions,
    });
    let (kind, fields) = match &message.body {
        Body::Text(text) => ("text", json!({"text": text})),
        Body::Files { text, files } => ("files", json!({"text": text, "files": files})),
        Body::Call { outcome, duration } => (
            "call",
            json!({"outcome": outcome, "seconds": duration.as_secs()}),
        ),
        Body::Deleted => ("deleted", json!({})),
        Body::Other { content_type, body } => {
            ("other", json!({"content_type": content_type, "body": body}))
        }
    };
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
        object.insert("kind".to_owned(), kind.into());
        object.extend(fields);
    }
    object
}

/// A name without anything that could lead out of the folder, or that a system does not take.
fn safe_name(file: &FileInfo) -> String {
    let id: String = file.id.as_str().chars().take(12).collect();
    let name: String = file
        .name
        .chars()
        .map(|char| match char {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            char if char.is_control() => '_',
            char => char,
        })
        .take(80)
        .collect();
    format!("{id}-{}", name.trim_start_matches('.'))
}

fn make_empty(folder: &Path) -> Result<(), MessageError> {
    make(folder)?;
    let mut entries = fs::read_dir(folder).map_err(|source| file_error(folder, source))?;
    if entries.next().is_some() {
        let source = std::io::Error::other("the folder has something in it already");
        return Err(file_error(folder, source));
    }
    Ok(())
}

fn make(folder: &Path) -> Result<(), MessageError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder
        .create(folder)
        .map_err(|source| file_error(folder, source))
}

fn write_json(path: &Path, value: &Value) -> Result<(), MessageError> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|error| file_error(path, std::io::Error::from(error)))?;
    fs::write(path, text).map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: std::io::Error) -> MessageError {
    MessageError::File {
        path: PathBuf::from(path),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::safe_name;
    use crate::FileInfo;

    #[test]
    fn names_of_others_lead_nowhere() -> Result<(), Box<dyn std::error::Error>> {
        let file = |name: &str| -> Result<FileInfo, Box<dyn std::error::Error>> {
            Ok(FileInfo {
                id: "ab".repeat(32).parse()?,
                name: name.to_owned(),
                media_type: String::new(),
                size: 0,
                width: None,
                height: None,
                thumbnail: None,
            })
        };
        assert_eq!(
            safe_name(&file("../../etc/passwd")?),
            "abababababab-_.._etc_passwd"
        );
        assert_eq!(safe_name(&file("a\x1b[2J\0b")?), "abababababab-a_[2J_b");
        Ok(())
    }
}

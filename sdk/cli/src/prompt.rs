//! What is typed in a chat: lines, and that somebody is about to write one.
//!
//! On a terminal the line is edited here, character by character: so others learn that somebody
//! types, and what they write does not break into the line. A pipe gives lines, and the beginning
//! of one counts as typing.

use std::collections::VecDeque;
use std::io::{IsTerminal as _, Read as _};

use tokio::sync::mpsc;

use crate::typed::is_ours;

/// Pieces of input that wait.
const PIECES: usize = 16;

/// Something that was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Typed {
    /// A whole line.
    Line(String),
    /// A line was begun, or is empty again.
    Typing(bool),
}

/// The line that is being typed.
#[derive(Debug)]
pub(crate) struct Prompt {
    pieces: mpsc::Receiver<Vec<u8>>,
    editor: Editor,
    typed: VecDeque<Typed>,
    types: bool,
    /// The terminal gives each character, and is what it was before when this is dropped.
    unbuffered: Option<unbuffered::Unbuffered>,
}

impl Prompt {
    /// Reads stdin from now on. With `drawn`, and both streams a terminal, the line is edited and
    /// to be drawn.
    pub(crate) fn listen(drawn: bool) -> Self {
        let terminal =
            drawn && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && is_ours();
        let unbuffered = if terminal {
            unbuffered::Unbuffered::begin()
        } else {
            None
        };
        let (read, pieces) = mpsc::channel(PIECES);
        // A thread of its own, which the end of the process does not wait for: nothing else ends
        // a read that has begun.
        std::thread::spawn(move || {
            let mut stdin = std::io::stdin().lock();
            let mut piece = vec![0; 4096];
            loop {
                match stdin.read(&mut piece) {
                    Ok(0) => return,
                    Ok(count) => {
                        let bytes = piece.get(..count).unwrap_or_default().to_vec();
                        if read.blocking_send(bytes).is_err() {
                            return;
                        }
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        });
        Self {
            pieces,
            editor: Editor {
                edits: unbuffered.is_some(),
                ..Editor::default()
            },
            typed: VecDeque::new(),
            types: false,
            unbuffered,
        }
    }

    /// What was typed next; nothing when there is no more to come. What waits is not lost when
    /// this is dropped.
    pub(crate) async fn next(&mut self) -> Option<Typed> {
        loop {
            if let Some(typed) = self.typed.pop_front() {
                return Some(typed);
            }
            if self.editor.over {
                return None;
            }
            match self.pieces.recv().await {
                Some(piece) => self.take(&piece),
                None => {
                    self.editor.over = true;
                    let last = std::mem::take(&mut self.editor.line);
                    if !last.is_empty() {
                        self.finish(last);
                    }
                }
            }
        }
    }

    fn take(&mut self, piece: &[u8]) {
        for line in self.editor.feed(piece) {
            self.finish(line);
        }
        let types = !self.editor.line.is_empty();
        if types != self.types {
            self.types = types;
            self.typed.push_back(Typed::Typing(types));
        } else if types {
            // Still: whoever tells it decides how often.
            self.typed.push_back(Typed::Typing(true));
        }
    }

    fn finish(&mut self, line: String) {
        if std::mem::take(&mut self.types) {
            self.typed.push_back(Typed::Typing(false));
        }
        self.typed.push_back(Typed::Line(line));
    }

    /// The line as it is to be drawn; nothing where the terminal does that.
    pub(crate) fn drawn(&self) -> Option<String> {
        let columns = self.unbuffered.as_ref()?.columns();
        Some(format!("> {}", self.editor.end(columns.saturating_sub(3))))
    }
}

/// A line as it grows.
#[derive(Debug, Default)]
struct Editor {
    /// Whether characters such as backspace edit; without, everything is text.
    edits: bool,
    line: String,
    /// The beginning of a character.
    rest: Vec<u8>,
    escape: Escape,
    over: bool,
}

/// How far an escape sequence has come, such as that of an arrow.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Escape {
    #[default]
    No,
    Begun,
    Parameters,
}

impl Editor {
    /// Takes some bytes; gives the lines that they complete.
    fn feed(&mut self, piece: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(piece);
        let bytes = std::mem::take(&mut self.rest);
        let mut lines = Vec::new();
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for char in chunk.valid().chars() {
                lines.extend(self.char(char));
            }
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            let cut = std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if cut && chunks.peek().is_none() {
                self.rest = invalid.to_vec();
            } else {
                lines.extend(self.char(char::REPLACEMENT_CHARACTER));
            }
        }
        lines
    }

    fn char(&mut self, char: char) -> Option<String> {
        if self.over {
            return None;
        }
        match (self.escape, char) {
            (Escape::Begun, '[' | 'O') => {
                self.escape = Escape::Parameters;
                return None;
            }
            (Escape::Begun, _) | (Escape::Parameters, '@'..='~') => {
                self.escape = Escape::No;
                return None;
            }
            (Escape::Parameters, _) => return None,
            (Escape::No, _) => {}
        }
        match char {
            '\n' => {
                let mut line = std::mem::take(&mut self.line);
                if line.ends_with('\r') {
                    line.pop();
                }
                return Some(line);
            }
            char if !self.edits => self.line.push(char),
            '\u{8}' | '\u{7f}' => {
                self.line.pop();
            }
            // Control-U and Control-W.
            '\u{15}' => self.line.clear(),
            '\u{17}' => {
                let words = self.line.trim_end();
                let begin = words.rfind(char::is_whitespace).map_or(0, |at| at + 1);
                self.line.truncate(begin);
            }
            // Control-D.
            '\u{4}' => self.over = self.line.is_empty(),
            '\u{1b}' => self.escape = Escape::Begun,
            char if char.is_control() => {}
            char => self.line.push(char),
        }
        None
    }

    /// As much of the line's end as so many columns hold.
    fn end(&self, columns: usize) -> &str {
        let mut taken = 0;
        let mut begin = self.line.len();
        for (at, char) in self.line.char_indices().rev() {
            taken += width(char);
            if taken > columns {
                break;
            }
            begin = at;
        }
        self.line.get(begin..).unwrap_or_default()
    }
}

/// The columns of a character, two where it may take two.
fn width(char: char) -> usize {
    match char {
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f000}'.. => 2,
        _ => 1,
    }
}

#[cfg(unix)]
mod unbuffered {
    use rustix::termios::{
        LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr,
    };

    /// A terminal that gives each character as it is typed, and does not show it.
    #[derive(Debug)]
    pub(super) struct Unbuffered {
        before: Termios,
    }

    impl Unbuffered {
        /// Nothing when the terminal cannot do it: then it edits lines itself.
        pub(super) fn begin() -> Option<Self> {
            let before = tcgetattr(std::io::stdin()).ok()?;
            let mut modes = before.clone();
            // Signals, such as that of Control-C, stay.
            modes.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN);
            tcsetattr(std::io::stdin(), OptionalActions::Now, &modes).ok()?;
            Some(Self { before })
        }

        pub(super) fn columns(&self) -> usize {
            let size = tcgetwinsize(std::io::stdout());
            size.map_or(80, |size| usize::from(size.ws_col).max(8))
        }
    }

    impl Drop for Unbuffered {
        fn drop(&mut self) {
            let _gone = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
        }
    }
}

#[cfg(not(unix))]
mod unbuffered {
    /// Not here: the console edits lines itself.
    #[derive(Debug)]
    pub(super) enum Unbuffered {}

    impl Unbuffered {
        pub(super) fn begin() -> Option<Self> {
            None
        }

        pub(super) fn columns(&self) -> usize {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Editor;

    fn editor(edits: bool) -> Editor {
        Editor {
            edits,
            ..Editor::default()
        }
    }

    #[test]
    fn a_line_is_edited_as_terminals_do() {
        let mut editor = editor(true);
        assert!(editor.feed(b"helo\x7f\x7fllo wrold\x17").is_empty());
        assert_eq!(editor.line, "hello ");
        // An arrow is no text.
        editor.feed(b"\x1b[D\x1bOA\x1b[1;5Cwor\x07ld");
        assert_eq!(editor.feed(b"\n"), ["hello world"]);
        editor.feed(b"wrong\x15");
        assert_eq!(editor.line, "");
        editor.feed(b"a\x04");
        assert!(!editor.over);
        editor.feed(b"\x08\x04");
        assert!(editor.over);
    }

    #[test]
    fn characters_come_in_pieces() {
        let mut editor = editor(true);
        for byte in "é👍".as_bytes() {
            editor.feed(&[*byte]);
        }
        assert_eq!(editor.line, "é👍");
        editor.feed(b"\xff\x7f\x7f");
        assert_eq!(editor.line, "é");
    }

    #[test]
    fn what_a_pipe_brings_is_text_as_it_is() {
        let mut editor = editor(false);
        let lines = editor.feed(b"one\r\n\ttwo\x7f\n\nthr");
        assert_eq!(lines, ["one", "\ttwo\u{7f}", ""]);
        assert_eq!(editor.line, "thr");
    }

    #[test]
    fn of_a_long_line_the_end_is_drawn() {
        let mut editor = editor(true);
        editor.feed("一二abc".as_bytes());
        assert_eq!(editor.end(80), "一二abc");
        assert_eq!(editor.end(6), "二abc");
        assert_eq!(editor.end(2), "bc");
    }
}

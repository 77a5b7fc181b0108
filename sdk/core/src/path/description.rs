//! What one side tells the others about its end of the paths.

use std::fmt;

use is::{Candidate, CandidateKind, IceCreds, Protocol};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::address;

/// Most candidates in one description.
pub(crate) const MAX_CANDIDATES: usize = 32;
/// Longest candidate line, in bytes.
const MAX_CANDIDATE_LEN: usize = 256;
/// RFC 8839 section 5.4 allows 4 to 256 characters. Together with the other side's fragment it
/// has to fit the 128 bytes that a USERNAME has in the STUN messages that we write.
const UFRAG_LEN: std::ops::RangeInclusive<usize> = 4..=100;
/// RFC 8839 section 5.4.
const PWD_LEN: std::ops::RangeInclusive<usize> = 22..=256;

/// The ICE credentials and candidates of one participant, as they travel in 506 and 507.
///
/// A value of this type is within bounds: deserialising parses. Candidates of a kind that is not
/// understood (other transports, names in place of addresses, types to come) and candidates that
/// name no single host are left out, as RFC 8839 section 5.1 asks for; everything else that is
/// wrong refuses the description.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct PathDescription {
    creds: IceCreds,
    candidates: Vec<Candidate>,
}

/// Why a description was refused. The fault is the sender's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// Not an object with the right members.
    #[error("not a path description: {0}")]
    Shape(String),
    /// The username fragment is too short, too long, or has characters other than ice-char.
    #[error(
        "a username fragment has {} to {} of A-Z a-z 0-9 + /",
        UFRAG_LEN.start(),
        UFRAG_LEN.end()
    )]
    Ufrag,
    /// The password is too short, too long, or has characters other than ice-char.
    #[error("an ICE password has {} to {} of A-Z a-z 0-9 + /", PWD_LEN.start(), PWD_LEN.end())]
    Pwd,
    /// More candidates than anyone needs.
    #[error("{0} candidates, at most {MAX_CANDIDATES} are allowed")]
    TooManyCandidates(usize),
    /// A candidate line that is too long.
    #[error("a candidate line of {0} bytes, at most {MAX_CANDIDATE_LEN} are allowed")]
    CandidateTooLong(usize),
}

#[derive(Serialize, Deserialize)]
struct Wire {
    ufrag: String,
    pwd: String,
    #[serde(default)]
    candidates: Vec<String>,
}

impl PathDescription {
    /// Parses the object `{"ufrag": …, "pwd": …, "candidates": […]}`.
    ///
    /// # Errors
    ///
    /// When it is not such an object, or when the credentials or the amount of candidates are
    /// out of bounds.
    pub fn parse(value: &Value) -> Result<Self, DescriptionError> {
        let wire =
            Wire::deserialize(value).map_err(|error| DescriptionError::Shape(error.to_string()))?;
        wire.try_into()
    }

    /// Makes a description of credentials and candidate lines (RFC 8839 section 5.1, without
    /// `a=`).
    ///
    /// # Errors
    ///
    /// When the credentials or the amount of candidates are out of bounds.
    pub fn new(
        ufrag: &str,
        pwd: &str,
        candidates: &[impl AsRef<str>],
    ) -> Result<Self, DescriptionError> {
        if !UFRAG_LEN.contains(&ufrag.len()) || !ufrag.bytes().all(is_ice_char) {
            return Err(DescriptionError::Ufrag);
        }
        if !PWD_LEN.contains(&pwd.len()) || !pwd.bytes().all(is_ice_char) {
            return Err(DescriptionError::Pwd);
        }
        if candidates.len() > MAX_CANDIDATES {
            return Err(DescriptionError::TooManyCandidates(candidates.len()));
        }
        let mut parsed: Vec<Candidate> = Vec::with_capacity(candidates.len());
        for line in candidates {
            let line = line.as_ref();
            if line.len() > MAX_CANDIDATE_LEN {
                return Err(DescriptionError::CandidateTooLong(line.len()));
            }
            match Candidate::from_sdp_string(line) {
                Ok(candidate) if is_acceptable(&candidate, line) => {
                    if !parsed.contains(&candidate) {
                        parsed.push(candidate);
                    }
                }
                Ok(_) | Err(_) => tracing::debug!("a candidate was left out"),
            }
        }
        Ok(PathDescription {
            creds: IceCreds {
                ufrag: ufrag.to_owned(),
                pass: pwd.to_owned(),
            },
            candidates: parsed,
        })
    }

    /// The description of this side; the candidates are those of our own agent.
    pub(crate) fn local(creds: IceCreds, candidates: impl Iterator<Item = Candidate>) -> Self {
        PathDescription {
            creds,
            candidates: candidates.take(MAX_CANDIDATES).collect(),
        }
    }

    /// The username fragment.
    pub fn ufrag(&self) -> &str {
        &self.creds.ufrag
    }

    /// The candidate lines that were understood.
    pub fn candidates(&self) -> Vec<String> {
        self.candidates
            .iter()
            .map(Candidate::to_sdp_string)
            .collect()
    }

    pub(crate) fn creds(&self) -> &IceCreds {
        &self.creds
    }

    pub(crate) fn parsed(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Becomes a later description with the same credentials. Returns what it has and this one
    /// had not, and what this one had and it has not.
    pub(crate) fn replace(&mut self, later: &PathDescription) -> (Vec<Candidate>, Vec<Candidate>) {
        let lacks = |list: &[Candidate], one: &Candidate| {
            let mut list = list.iter();
            !list.any(|c| c.addr() == one.addr() && c.kind() == one.kind())
        };
        let (old, new) = (&self.candidates, &later.candidates);
        let added = new.iter().filter(|c| lacks(old, c)).cloned().collect();
        let gone = old.iter().filter(|c| lacks(new, c)).cloned().collect();
        self.candidates.clone_from(&later.candidates);
        (added, gone)
    }
}

/// The password stays out of logs.
impl fmt::Debug for PathDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathDescription")
            .field("ufrag", &self.creds.ufrag)
            .field("candidates", &self.candidates())
            .finish_non_exhaustive()
    }
}

impl TryFrom<Wire> for PathDescription {
    type Error = DescriptionError;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        PathDescription::new(&wire.ufrag, &wire.pwd, &wire.candidates)
    }
}

impl From<PathDescription> for Wire {
    fn from(description: PathDescription) -> Self {
        Wire {
            candidates: description.candidates(),
            ufrag: description.creds.ufrag,
            pwd: description.creds.pass,
        }
    }
}

/// ice-char of RFC 8839 section 5.1.
fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

fn is_acceptable(candidate: &Candidate, line: &str) -> bool {
    // Peer-reflexive candidates are never signalled (RFC 8839 section 5.1).
    let signalled = match candidate.kind() {
        CandidateKind::Host | CandidateKind::ServerReflexive | CandidateKind::Relayed => true,
        CandidateKind::PeerReflexive => false,
    };
    let component = line.split_whitespace().nth(1);
    signalled
        && candidate.proto() == Protocol::Udp
        && component == Some("1")
        // RFC 8445 section 5.1.2.
        && (1..1 << 31).contains(&candidate.prio())
        && address::is_usable(candidate.addr())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const PWD: &str = "abcdefghijklmnopqrstuv";
    const LINE: &str = "candidate:1 1 udp 2113929471 203.0.113.100 10100 typ host";

    #[test]
    fn a_description_survives_the_wire() {
        let description = PathDescription::new("abcd", PWD, &[LINE]).unwrap();
        let json = serde_json::to_string(&description).unwrap();
        assert_eq!(
            json,
            format!(r#"{{"ufrag":"abcd","pwd":"{PWD}","candidates":["{LINE}"]}}"#)
        );
        let back: PathDescription = serde_json::from_str(&json).unwrap();
        assert_eq!(back, description);
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(PathDescription::parse(&value), Ok(description));
    }

    #[test]
    fn another_shape_is_refused() {
        for text in ["null", "[]", "{}", r#"{"ufrag":1,"pwd":2}"#] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert!(matches!(
                PathDescription::parse(&value),
                Err(DescriptionError::Shape(_))
            ));
        }
    }

    #[test]
    fn candidates_may_be_missing() {
        let json = format!(r#"{{"ufrag":"abcd","pwd":"{PWD}","more":1}}"#);
        let description: PathDescription = serde_json::from_str(&json).unwrap();
        assert!(description.candidates().is_empty());
    }

    #[test]
    fn credentials_out_of_bounds_are_refused() {
        let none: [&str; 0] = [];
        let parse = |ufrag: &str, pwd: &str| PathDescription::new(ufrag, pwd, &none);
        for ufrag in ["abc", "ab:d", "abc d", &"a".repeat(101)] {
            assert_eq!(parse(ufrag, PWD), Err(DescriptionError::Ufrag));
        }
        for pwd in ["short", "abcdefghijklmnopqrstu!", &"a".repeat(257)] {
            assert_eq!(parse("abcd", pwd), Err(DescriptionError::Pwd));
        }
        assert!(parse(&"a".repeat(100), &"a".repeat(256)).is_ok());
    }

    #[test]
    fn too_much_is_refused() {
        let many = vec![LINE; MAX_CANDIDATES + 1];
        assert_eq!(
            PathDescription::new("abcd", PWD, &many),
            Err(DescriptionError::TooManyCandidates(33))
        );
        let long = format!("{LINE} extension {}", "x".repeat(256));
        assert!(matches!(
            PathDescription::new("abcd", PWD, &[long]),
            Err(DescriptionError::CandidateTooLong(_))
        ));
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        let lines = [
            LINE,
            LINE,
            "candidate:1 1 udp 2113929471 203.0.113.100 10101 typ quantum",
            "candidate:1 1 udp 2113929471 0b7b6c1e.local 10101 typ host",
            "candidate:1 1 tcp 2113929471 203.0.113.100 10101 typ host tcptype passive",
            "candidate:1 2 udp 2113929471 203.0.113.100 10101 typ host",
            "candidate:1 1 udp 4294967295 203.0.113.100 10101 typ host",
            "candidate:1 1 udp 2113929471 203.0.113.100 0 typ host",
            "candidate:1 1 udp 2113929471 224.0.0.1 10101 typ host",
            "candidate:1 1 udp 2113929471 0.0.0.0 10101 typ host",
            "candidate:1 1 udp 2113929471 ff02::1 10101 typ host",
            "candidate:1 1 udp 2113929471 203.0.113.100 10101 typ prflx",
            "nonsense",
            "",
        ];
        let description = PathDescription::new("abcd", PWD, &lines).unwrap();
        assert_eq!(description.candidates(), [LINE]);
    }

    #[test]
    fn debug_output_has_no_password() {
        let description = PathDescription::new("abcd", PWD, &[LINE]).unwrap();
        assert!(!format!("{description:?}").contains(PWD));
    }
}

//! Whose data it is: an account on a server.

/// Folds a name so that two spellings of one name become the same text
/// (RFC 8265, UsernameCaseMapped). Folding a folded name changes nothing.
pub type NameKey = fn(&str) -> String;

/// One account on one server.
///
/// A [`CredentialStore`](crate::CredentialStore) compares both fields exactly, so give it the
/// folded form of the name; a [`Cache`](crate::Cache) folds the name itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId {
    /// The server, in the one form that the client always uses for it.
    pub server: String,
    /// The account's name on that server.
    pub pseudo: String,
}

impl AccountId {
    /// The account `pseudo` on `server`.
    pub fn new(server: impl Into<String>, pseudo: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            pseudo: pseudo.into(),
        }
    }
}

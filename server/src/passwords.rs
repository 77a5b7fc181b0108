//! Password hashes: Argon2id, off the async threads, so many at once and so many waiting.
//!
//! The memory of a hash (19 MiB) is kept for the next one. Given back to the allocator each time
//! it would stay with it anyway, once for each of its arenas rather than once for each hash that
//! may run.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// OWASP's parameters for Argon2id: memory in KiB, passes, lanes.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Salt and output, in bytes (RFC 9106, section 4).
const SALT: usize = 16;
const OUTPUT: usize = 32;

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    #[error("too many logins at once; try again in a moment")]
    Busy,
    #[error("hashing failed")]
    Failed,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is another password, or there is no such profile.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, but its hash has other parameters than new ones get.
    RightButDated,
}

/// The pool that hashes.
#[derive(Debug)]
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
    memory: Arc<Memory>,
    /// A hash of nothing that anybody knows: checked for unknown names, so that they take as
    /// long as known ones.
    dummy: String,
}

impl Passwords {
    /// A pool of `parallel` hashes at once and `waiting` more behind them.
    pub(crate) fn new(parallel: usize, waiting: usize) -> Result<Self, PasswordError> {
        let nothing: [u8; 32] = rand::random();
        let memory = Arc::<Memory>::default();
        Ok(Self {
            running: Arc::new(Semaphore::new(parallel)),
            places: Arc::new(Semaphore::new(parallel.saturating_add(waiting))),
            dummy: hash(&nothing, &memory)?,
            memory,
        })
    }

    /// The hash of a password, to be stored.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let password = Zeroizing::new(password.to_owned());
        self.in_turn(move |memory| hash(password.as_bytes(), memory))
            .await
    }

    /// Whether `password` is the one of `stored`; takes as long when nothing is stored.
    pub(crate) async fn verify(
        &self,
        password: &str,
        stored: Option<String>,
    ) -> Result<Verdict, PasswordError> {
        let password = Zeroizing::new(password.to_owned());
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.dummy.clone());
        let verdict = self
            .in_turn(move |memory| verify(password.as_bytes(), &stored, memory))
            .await?;
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Memory) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| PasswordError::Failed)?;
        let memory = Arc::clone(&self.memory);
        // The permits go with the work: a requester who hangs up does not free its memory early.
        tokio::task::spawn_blocking(move || {
            let done = work(&memory);
            drop((turn, place));
            done
        })
        .await
        .map_err(|_| PasswordError::Failed)?
    }
}

/// The blocks of hashes that are not running.
#[derive(Debug, Default)]
struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    /// Computes a hash, in memory that is there already if there is some.
    fn compute(
        &self,
        context: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), PasswordError> {
        let count = context.params().block_count();
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut blocks = kept.unwrap_or_default();
        if blocks.len() < count {
            blocks.resize(count, Block::default());
        }
        let done = context.hash_password_into_with_memory(password, salt, output, &mut blocks[..]);
        if blocks.len() <= MEMORY as usize {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(blocks);
        }
        done.map_err(|_| PasswordError::Failed)
    }
}

fn hash(password: &[u8], memory: &Memory) -> Result<String, PasswordError> {
    hash_with(password, memory, MEMORY, PASSES, LANES)
}

fn hash_with(
    password: &[u8],
    memory: &Memory,
    kibibytes: u32,
    passes: u32,
    lanes: u32,
) -> Result<String, PasswordError> {
    let failed = |_| PasswordError::Failed;
    let params = Params::new(kibibytes, passes, lanes, None).map_err(|_| PasswordError::Failed)?;
    let described = ParamsString::try_from(&params).map_err(|_| PasswordError::Failed)?;
    let context = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let salt: [u8; SALT] = rand::random();
    let mut output = [0; OUTPUT];
    memory.compute(&context, password, &salt, &mut output)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: described,
        salt: Some(Salt::new(&salt).map_err(failed)?),
        hash: Some(Output::new(&output).map_err(failed)?),
    };
    Ok(hash.to_string())
}

fn verify(password: &[u8], stored: &str, memory: &Memory) -> Result<Verdict, PasswordError> {
    let stored = PasswordHash::new(stored).map_err(|_| PasswordError::Failed)?;
    let algorithm =
        Algorithm::try_from(stored.algorithm.as_str()).map_err(|_| PasswordError::Failed)?;
    let version = stored
        .version
        .map_or(Ok(Version::V0x13), Version::try_from)
        .map_err(|_| PasswordError::Failed)?;
    let params = Params::try_from(&stored).map_err(|_| PasswordError::Failed)?;
    let current = algorithm == Algorithm::Argon2id
        && version == Version::V0x13
        && (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY, PASSES, LANES);
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
        return Err(PasswordError::Failed);
    };
    let mut output = vec![0; expected.len()];
    let context = Argon2::new(algorithm, version, params);
    memory.compute(&context, password, salt.as_ref(), &mut output)?;
    let right = bool::from(output.ct_eq(expected.as_bytes()));
    Ok(match (right, current) {
        (false, _) => Verdict::Wrong,
        (true, true) => Verdict::Right,
        (true, false) => Verdict::RightButDated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_or_wrong() -> Result<(), PasswordError> {
        let pool = Passwords::new(2, 8)?;
        let stored = pool.hash("correct horse").await?;
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(stored, pool.hash("correct horse").await?);
        let right = pool.verify("correct horse", Some(stored.clone())).await?;
        assert_eq!(right, Verdict::Right);
        let wrong = pool.verify("battery staple", Some(stored)).await?;
        assert_eq!(wrong, Verdict::Wrong);
        assert_eq!(pool.verify("correct horse", None).await?, Verdict::Wrong);
        Ok(())
    }

    #[tokio::test]
    async fn a_hash_with_older_parameters_is_dated() -> Result<(), PasswordError> {
        let pool = Passwords::new(1, 1)?;
        let stored = hash_with(b"correct horse", &pool.memory, 64, 1, 1)?;
        let verdict = pool.verify("correct horse", Some(stored)).await?;
        assert_eq!(verdict, Verdict::RightButDated);
        // RFC 9106 hashes of other implementations are read.
        let other = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$\
                     CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let verdict = pool.verify("password", Some(other.to_owned())).await?;
        assert_eq!(verdict, Verdict::RightButDated);
        Ok(())
    }

    #[tokio::test]
    async fn a_flood_is_refused_not_queued() -> Result<(), PasswordError> {
        let pool = Arc::new(Passwords::new(1, 2)?);
        let flood: Vec<_> = (0..20)
            .map(|_| {
                let pool = Arc::clone(&pool);
                tokio::spawn(async move { pool.hash("correct horse").await })
            })
            .collect();
        let mut busy = 0;
        for one in flood {
            if matches!(one.await, Ok(Err(PasswordError::Busy))) {
                busy += 1;
            }
        }
        assert_eq!(busy, 17);
        Ok(())
    }
}

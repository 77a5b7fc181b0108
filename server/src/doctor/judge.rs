//! Facts in, findings out. Nothing here reads a clock or a socket.

use std::net::SocketAddr;

use super::{Check, Database, Port, Verdict};

/// Days before its end at which a certificate should have been renewed.
const RENEWED_BY: i64 = 14;
/// Bytes that should be free on the disk.
const SPACE: u64 = 500 * 1000 * 1000;
/// Bytes below which a server should not start.
const NO_SPACE: u64 = 100 * 1000 * 1000;
/// Seconds since the Unix epoch at the start of 2026, the year that this was built in.
const BUILT: u64 = 1_767_225_600;
/// Seconds of twenty years: no build is run for longer.
const AGE: u64 = 20 * 365 * 24 * 60 * 60;
/// Files that a server needs besides its connections.
const OWN_FILES: u64 = 128;

pub(super) fn port(name: &'static str, address: SocketAddr, port: &Port, running: bool) -> Check {
    let option = format!("--{name} ADDR:PORT");
    match port {
        Port::Free => Check::new(name, Verdict::Ok, format!("{address} is free")),
        Port::Taken if running => Check::new(
            name,
            Verdict::Ok,
            format!("{address} is taken, and a server is running over this data folder"),
        ),
        Port::Taken => Check::new(
            name,
            Verdict::Fail,
            format!("{address} is taken by another program"),
        )
        .advice(format!("stop that program, or choose another: {option}")),
        Port::Unusable(why) => {
            let advice = if address.port() < 1024 {
                format!(
                    "run it with the right to ports below 1024 (CAP_NET_BIND_SERVICE), or choose \
                     another address: {option}"
                )
            } else {
                format!("choose an address of this machine: {option}")
            };
            let detail = format!("{address} cannot be used: {why}");
            Check::new(name, Verdict::Fail, detail).advice(advice)
        }
    }
}

pub(super) fn no_stun() -> Check {
    Check::new(
        "stun",
        Verdict::Warning,
        "off: few calls find a direct path, and the built-in relay has no port",
    )
    .advice("give an address: --stun ADDR:3478")
}

pub(super) fn reach(listen: SocketAddr) -> Check {
    let ip = listen.ip();
    let detail = if ip.is_loopback() {
        format!("{ip} is this machine only: nobody else reaches it, save through a proxy here")
    } else if ip.is_unspecified() {
        "every address of this machine; firewalls are not seen from here".to_owned()
    } else {
        format!("{ip} only; firewalls are not seen from here")
    };
    Check::new("reach", Verdict::Ok, detail)
}

/// `loaded` is `None` without a certificate, else its days or why it and its key are no use.
pub(super) fn tls(loaded: Option<Result<Option<i64>, String>>, loopback: bool) -> Check {
    let new = |verdict, detail: String| Check::new("tls", verdict, detail);
    match loaded {
        None if loopback => new(
            Verdict::Ok,
            "none: plain text, which stays on this machine".to_owned(),
        ),
        None => new(
            Verdict::Warning,
            "none: passwords travel as plain text".to_owned(),
        )
        .advice("give --tls-cert and --tls-key, unless a proxy before the server does TLS"),
        Some(Err(why)) => new(Verdict::Fail, why)
            .advice("see that both files are PEM, readable for the server, and belong together"),
        Some(Ok(None)) => new(Verdict::Ok, "certificate and key fit".to_owned()),
        Some(Ok(Some(days))) if days < 0 => {
            new(Verdict::Fail, "the certificate has expired".to_owned())
                .advice("renew it and start the server again")
        }
        Some(Ok(Some(days))) => {
            let detail = format!("certificate and key fit, {days} days are left");
            if days < RENEWED_BY {
                new(Verdict::Warning, detail).advice("renew it and start the server again")
            } else {
                new(Verdict::Ok, detail)
            }
        }
    }
}

pub(super) fn folder(shown: &str, there: bool, written: Result<(), String>) -> Check {
    match written {
        Ok(()) if there => Check::new("folder", Verdict::Ok, format!("{shown} is writable")),
        Ok(()) => Check::new(
            "folder",
            Verdict::Ok,
            format!("{shown} will be made at the first start"),
        ),
        Err(why) => Check::new(
            "folder",
            Verdict::Fail,
            format!("{shown} cannot be written: {why}"),
        )
        .advice("make it the server's to write, or name another: --data DIR"),
    }
}

pub(super) fn database(found: &Database) -> Check {
    let new = |verdict, detail: String| Check::new("database", verdict, detail);
    match found {
        Database::Missing => new(
            Verdict::Ok,
            "none yet: it is made at the first start".to_owned(),
        ),
        Database::InUse => new(Verdict::Ok, "in use by a running server".to_owned()),
        Database::Opens { found, known } if found > known => new(
            Verdict::Fail,
            format!("has version {found}, this server knows versions up to {known}"),
        )
        .advice("run the newer server that has written it"),
        Database::Opens { found, known } if found < known => new(
            Verdict::Ok,
            format!("opens; version {found} becomes {known} at the next start"),
        ),
        Database::Opens { found, .. } => new(Verdict::Ok, format!("opens, version {found}")),
        Database::Unclosed => new(
            Verdict::Ok,
            "the last server did not close it: the next start takes up what it wrote".to_owned(),
        ),
        Database::Broken(why) => new(Verdict::Fail, why.clone())
            .advice("see that its files are the server's; if it is damaged, restore a backup"),
    }
}

/// `free` is the bytes that are left, where the system tells.
pub(super) fn disk(free: Option<u64>) -> Check {
    let Some(free) = free else {
        return Check::new("disk", Verdict::Ok, "the space left is not known");
    };
    let verdict = match free {
        free if free >= SPACE => Verdict::Ok,
        free if free >= NO_SPACE => Verdict::Warning,
        _ => Verdict::Fail,
    };
    let check = Check::new("disk", verdict, format!("{} MB are free", free / 1_000_000));
    match verdict {
        Verdict::Ok => check,
        Verdict::Warning | Verdict::Fail => check.advice("make room on the disk of --data"),
    }
}

/// `now` is in seconds since the Unix epoch.
pub(super) fn clock(now: u64) -> Check {
    let advice = "let this machine set its clock from the network (NTP)";
    if now < BUILT {
        Check::new("clock", Verdict::Fail, "before the year of this build").advice(advice)
    } else if now.saturating_sub(BUILT) > AGE {
        Check::new("clock", Verdict::Warning, "decades after this build").advice(advice)
    } else {
        Check::new(
            "clock",
            Verdict::Ok,
            "plausible; there is no other here to compare it with",
        )
    }
}

/// `most` is the limit of open files, where the system has one.
pub(super) fn files(most: Option<u64>, max_connections: usize) -> Check {
    let needed = u64::try_from(max_connections)
        .unwrap_or(u64::MAX)
        .saturating_add(OWN_FILES);
    match most {
        None => Check::new("files", Verdict::Ok, "the limit of open files is not known"),
        Some(most) if most >= needed => Check::new(
            "files",
            Verdict::Ok,
            format!("{most} may be open at once, {needed} are enough"),
        ),
        Some(most) => Check::new(
            "files",
            Verdict::Warning,
            format!(
                "{most} may be open at once; --max-connections {max_connections} needs {needed}"
            ),
        )
        .advice("raise the limit (LimitNOFILE of systemd, ulimit -Hn), or lower --max-connections"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{BUILT, Database, Port, Verdict};

    #[test]
    fn a_taken_port_is_fine_only_when_a_server_runs_here() {
        let address = SocketAddr::from(([127, 0, 0, 1], 4400));
        let verdict = |port, running| super::port("listen", address, &port, running).verdict;
        assert_eq!(verdict(Port::Free, false), Verdict::Ok);
        assert_eq!(verdict(Port::Taken, true), Verdict::Ok);
        assert_eq!(verdict(Port::Taken, false), Verdict::Fail);
        let low = SocketAddr::from(([0, 0, 0, 0], 443));
        let check = super::port("listen", low, &Port::Unusable("no".to_owned()), false);
        assert!(check.advice.is_some_and(|advice| advice.contains("CAP_")));
    }

    #[test]
    fn a_certificate_is_judged_by_its_days() {
        let verdict = |loaded| super::tls(Some(loaded), false).verdict;
        assert_eq!(verdict(Ok(Some(14))), Verdict::Ok);
        assert_eq!(verdict(Ok(Some(0))), Verdict::Warning);
        assert_eq!(verdict(Ok(Some(-1))), Verdict::Fail);
        assert_eq!(verdict(Err("key".to_owned())), Verdict::Fail);
        assert_eq!(super::tls(None, true).verdict, Verdict::Ok);
        assert_eq!(super::tls(None, false).verdict, Verdict::Warning);
    }

    #[test]
    fn a_database_may_be_older_but_not_newer() {
        let verdict = |found| super::database(&found).verdict;
        assert_eq!(verdict(Database::Missing), Verdict::Ok);
        assert_eq!(verdict(Database::InUse), Verdict::Ok);
        assert_eq!(verdict(Database::Opens { found: 1, known: 2 }), Verdict::Ok);
        assert_eq!(
            verdict(Database::Opens { found: 3, known: 2 }),
            Verdict::Fail
        );
        assert_eq!(verdict(Database::Broken(String::new())), Verdict::Fail);
    }

    #[test]
    fn disk_clock_and_files_have_their_bounds() {
        assert_eq!(super::disk(Some(500_000_000)).verdict, Verdict::Ok);
        assert_eq!(super::disk(Some(499_999_999)).verdict, Verdict::Warning);
        assert_eq!(super::disk(Some(1)).verdict, Verdict::Fail);
        assert_eq!(super::clock(0).verdict, Verdict::Fail);
        assert_eq!(super::clock(BUILT).verdict, Verdict::Ok);
        assert_eq!(super::clock(u64::MAX).verdict, Verdict::Warning);
        assert_eq!(super::files(Some(1024), 50_000).verdict, Verdict::Warning);
        assert_eq!(super::files(Some(1024), 896).verdict, Verdict::Ok);
        assert_eq!(super::files(None, 50_000).verdict, Verdict::Ok);
    }

    #[test]
    fn a_server_for_this_machine_only_is_noted() {
        let detail = |ip: [u8; 4]| super::reach((ip, 1).into()).detail;
        assert!(detail([127, 0, 0, 1]).contains("this machine only"));
        assert!(detail([0, 0, 0, 0]).contains("every address"));
    }
}

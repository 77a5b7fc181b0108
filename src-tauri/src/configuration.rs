//! What Tauri is told in `tauri.conf.json`, `capabilities/` and `isolation/`: the promises of
//! docs/SECURITY.md, so that a change of them is noticed.

use serde_json::Value;

const CONFIGURATION: &str = include_str!("../tauri.conf.json");
const CAPABILITY: &str = include_str!("../capabilities/main.json");
const ISOLATION: &str = include_str!("../isolation/index.js");

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_page_has_no_permission_of_any_plugin() {
    let capability = json(CAPABILITY);
    assert_eq!(capability["permissions"], json("[]"));
    assert_eq!(capability["windows"], json("[\"main\"]"));
    assert!(capability.get("remote").is_none());
    assert_eq!(
        json(CONFIGURATION)["app"]["security"]["capabilities"],
        json("[\"main\"]")
    );
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/capabilities")).unwrap();
    assert_eq!(files.count(), 1, "one capability, and no other");
}

#[test]
fn the_policy_names_no_place_but_our_own() {
    let configuration = json(CONFIGURATION);
    let security = &configuration["app"]["security"];
    let policy = security["csp"].as_object().unwrap();
    let ours = [
        "'self'",
        "'none'",
        "data:",
        "blob:",
        "media:",
        "http://media.localhost",
        "ipc:",
        "http://ipc.localhost",
    ];
    for (directive, sources) in policy {
        for source in sources.as_str().unwrap().split(' ') {
            assert!(ours.contains(&source), "{directive} {source}");
        }
    }
    assert_eq!(policy["default-src"], "'none'");
    assert_eq!(policy["script-src"], "'self'");
    assert_eq!(policy["style-src"], "'self'");
    assert_eq!(policy["object-src"], "'none'");
    assert_eq!(security["pattern"]["use"], "isolation");
    assert_eq!(security["freezePrototype"], true);
    assert!(security.get("assetProtocol").is_none());
    assert_eq!(configuration["app"]["withGlobalTauri"], false);
}

/// Everything that the page can ask for.
fn commands() -> Vec<&'static str> {
    let bindings = include_str!("../../ui/src/lib/bindings.ts");
    let commands = bindings.lines().filter_map(|line| {
        let (_, rest) = line.split_once("__TAURI_INVOKE<")?;
        let (_, rest) = rest.split_once(">(\"")?;
        rest.split('"').next()
    });
    let commands: Vec<&str> = commands.collect();
    assert!(commands.len() > 60, "{commands:?}");
    commands
}

#[test]
fn each_command_was_looked_at_by_somebody_who_means_harm() {
    let security = include_str!("../../docs/SECURITY.md");
    let reviewed: Vec<&str> = security
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| line.split('|').nth(1).unwrap_or_default().split('`'))
        .collect();
    for command in commands() {
        assert!(
            reviewed.contains(&command),
            "{command} is not in docs/SECURITY.md"
        );
    }
}

#[test]
fn the_isolation_lets_our_commands_through_and_nothing_else() {
    let pattern = "/^[a-z_]{1,64}$/;";
    assert!(
        ISOLATION.contains(pattern),
        "the test knows another pattern"
    );
    let passes = |name: &str| {
        (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    for command in commands() {
        assert!(passes(command), "{command}");
    }
    for foreign in [
        "plugin:shell|execute",
        "plugin:fs|read_file",
        "plugin:event|listen",
        "",
    ] {
        assert!(!passes(foreign), "{foreign}");
    }
}

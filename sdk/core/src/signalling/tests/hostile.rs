//! Whatever a server sends: no panic, and no answer that was not asked for.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{RequestId, SignallingOutput};
use super::{Rig, login};

/// Frames that look like some of the protocol's.
fn frame() -> impl Strategy<Value = String> {
    let code = prop_oneof![
        Just(json!(201)),
        Just(json!(202)),
        Just(json!(205)),
        Just(json!(207)),
        Just(json!(208)),
        Just(json!(402)),
        Just(json!(404)),
        Just(json!(453)),
        Just(json!(501)),
        Just(json!(503)),
        Just(json!(507)),
        Just(json!(651)),
        Just(json!("202")),
        any::<u16>().prop_map(|code| json!(code)),
    ];
    let re = prop_oneof![
        Just(Value::Null),
        (0..12_u64).prop_map(|re| json!(re)),
        any::<i64>().prop_map(|re| json!(re)),
        any::<f64>().prop_map(|re| json!(re)),
        Just(json!("1")),
    ];
    let args = prop_oneof![
        Just(json!({})),
        Just(Value::Null),
        Just(json!([1, 2])),
        Just(json!({"pp": "", "pseudo": "bob", "status": "online", "token": "t"})),
        Just(json!({"list_contact": [], "list_group": []})),
        Just(
            json!({"id_group": "g", "pseudo": "bob", "list_pseudo": [], "list_info": [],
            "address": "0.0.0.0", "port": 0})
        ),
    ];
    let shaped = (code, re, args)
        .prop_map(|(code, re, args)| json!({"type": code, "re": re, "args": args}).to_string());
    prop_oneof![4 => shaped, 1 => any::<String>(), 1 => "[\\[\\]{}\":,0-9a-z]{0,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_in_any_state(
        frames in prop::collection::vec(frame(), 0..40),
        requests in 0..8_usize,
        signed_in in any::<bool>(),
    ) {
        let mut rig = if signed_in { Rig::online() } else { Rig::new() };
        if !signed_in {
            rig.session.sign_in(rig.now, login());
            rig.session.handle_connected(rig.now);
        }
        let mut asked: BTreeSet<RequestId> = BTreeSet::new();
        for (index, text) in frames.iter().enumerate() {
            if index < requests && let Ok(id) = rig.request() {
                asked.insert(id);
            }
            rig.session.handle_text(rig.now, text);
            for output in rig.outputs() {
                if let SignallingOutput::Answer(id, _) = output {
                    prop_assert!(asked.remove(&id), "{id:?} was not asked, or answered before");
                }
            }
        }
        rig.session.sign_out();
        for output in rig.outputs() {
            if let SignallingOutput::Answer(id, _) = output {
                prop_assert!(asked.remove(&id));
            }
        }
        prop_assert!(asked.is_empty(), "every request is answered in the end");
    }
}

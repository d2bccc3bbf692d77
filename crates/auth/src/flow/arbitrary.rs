//! Answers that no vendor should give.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;

/// JSON with the names that readers look for, and anything behind them.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::from("https://127.0.0.1/x")),
    ];
    let name = prop_oneof![
        Just("access_token"),
        Just("refresh_token"),
        Just("expires_in"),
        Just("id_token"),
        Just("error"),
        Just("message"),
        Just("code"),
        Just("device_code"),
        Just("user_code"),
        Just("interval"),
        Just("verification_uri"),
        Just("earliest_refresh_at"),
        Just("keys"),
        Just("aud"),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

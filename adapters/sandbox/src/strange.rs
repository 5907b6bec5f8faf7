//! Answers as they look after a platform has changed them without a word (`strange_fields`).

use serde_json::Value;

use crate::answer::Reply;

/// Every object has a field that nobody knows, error codes are strings, and authors are missing.
pub(crate) fn strange(reply: Reply) -> Reply {
    reply.changed(|body| {
        let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return None };
        bend(&mut value);
        serde_json::to_vec(&value).ok()
    })
}

fn bend(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("user");
            if let Some(code) = fields.get_mut("error_code").filter(|code| code.is_number()) {
                *code = code.to_string().into();
            }
            fields.values_mut().for_each(bend);
            fields.insert("ab_test_bucket".into(), serde_json::json!({ "v": [1, null, "x"] }));
        }
        Value::Array(items) => items.iter_mut().for_each(bend),
        _ => {}
    }
}

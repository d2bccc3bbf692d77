//! `${NAME}` in a value stands for an environment variable. `$${` is a literal `${`; any other `$` is
//! itself. What a variable holds is not looked through again.

use crate::error::Reason;

/// A value with its variables filled in.
pub(crate) struct Filled {
    /// The value.
    pub(crate) text: String,
    /// Whether any of it came from the environment.
    pub(crate) from_environment: bool,
}

/// Fills in the variables of `written`.
pub(crate) fn fill(written: String, environment: &dyn Fn(&str) -> Option<String>) -> Result<Filled, Reason> {
    if !written.contains("${") {
        return Ok(Filled { text: written, from_environment: false });
    }
    let mut text = String::with_capacity(written.len());
    let mut from_environment = false;
    let mut rest = written.as_str();
    while let Some(at) = rest.find("${") {
        let (before, variable) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            text.push_str(before);
            text.push_str("${");
            rest = variable;
            continue;
        }
        text.push_str(before);
        let (name, after) = variable.split_once('}').ok_or(Reason::BadVariable)?;
        if !is_name(name) {
            return Err(Reason::BadVariable);
        }
        text.push_str(&environment(name).ok_or_else(|| Reason::Unset(name.to_owned()))?);
        from_environment = true;
        rest = after;
    }
    text.push_str(rest);
    Ok(Filled { text, from_environment })
}

/// Letters, digits and `_`, not first a digit. The bound keeps a whole key out of the message when its
/// owner put it between the braces.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(written: &str) -> Result<String, Reason> {
        let environment = |name: &str| match name {
            "KEY" => Some("k-1".to_owned()),
            "DOLLARS" => Some("${KEY}".to_owned()),
            _ => None,
        };
        fill(written.to_owned(), &environment).map(|filled| filled.text)
    }

    #[test]
    fn variables_are_filled_in_anywhere() {
        assert_eq!(filled("${KEY}").unwrap(), "k-1");
        assert_eq!(filled("Bearer ${KEY}, ${KEY}!").unwrap(), "Bearer k-1, k-1!");
    }

    #[test]
    fn other_dollars_are_themselves() {
        assert_eq!(filled("$KEY costs 5$ {x} $").unwrap(), "$KEY costs 5$ {x} $");
        assert_eq!(filled("$${KEY} ${KEY}").unwrap(), "${KEY} k-1");
        assert_eq!(filled("$$${KEY}").unwrap(), "$${KEY}");
    }

    #[test]
    fn what_a_variable_holds_is_not_looked_through_again() {
        assert_eq!(filled("${DOLLARS}").unwrap(), "${KEY}");
    }

    #[test]
    fn a_broken_or_unset_variable_is_an_error() {
        assert_eq!(filled("${NOPE}"), Err(Reason::Unset("NOPE".to_owned())));
        for bad in ["${", "${}", "${KEY", "${KEY:-x}", "${a b}", "${1A}"] {
            assert_eq!(filled(bad), Err(Reason::BadVariable), "{bad}");
        }
    }
}

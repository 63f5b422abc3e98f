//! Where a sign-in came from, as it is shown to the session's owner later.

const IP_MAX: usize = 64;
const USER_AGENT_MAX: usize = 512;

/// Address and user agent, cut to size and without control characters: a caller chose them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) ip: String,
    pub(crate) user_agent: String,
}

impl Origin {
    pub(crate) fn new(ip: &str, user_agent: &str) -> Self {
        Self { ip: clean(ip, IP_MAX), user_agent: clean(user_agent, USER_AGENT_MAX) }
    }
}

fn clean(text: &str, max_chars: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max_chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_chose_is_cut_and_cleaned() {
        let origin = Origin::new("::1", &format!("Mozil\u{0}la\n{}", "ü".repeat(1_000)));
        assert_eq!(origin.ip, "::1");
        assert!(origin.user_agent.starts_with("Mozillaü"));
        assert_eq!(origin.user_agent.chars().count(), USER_AGENT_MAX);
    }
}

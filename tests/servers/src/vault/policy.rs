//! Policies: which paths a token may use, and how.

use std::cmp::Reverse;

use serde_json::Value;

/// What every token may do unless its role says otherwise; the part of Vault's own default policy used here.
pub(super) const DEFAULT: &str = r#"
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
"#;

/// The rules of one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    path: String,
    capabilities: Vec<String>,
}

impl Policy {
    /// A policy that lets these paths be read.
    pub(super) fn read(paths: &[&str]) -> Self {
        let rule = |path: &&str| Rule {
            path: (*path).to_owned(),
            capabilities: vec!["read".to_owned()],
        };
        Self {
            rules: paths.iter().map(rule).collect(),
        }
    }

    /// Parses a policy, in JSON or in the subset of HCL that policies are commonly written in:
    /// `path "…" { capabilities = ["…"] }` and comments.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).map_or_else(
            |_not_json| Self::parse_hcl(text),
            |json| Self::parse_json(&json),
        )
    }

    fn parse_json(json: &Value) -> Option<Self> {
        let rule = |(path, body): (&String, &Value)| {
            let names = body["capabilities"].as_array()?.iter();
            let capabilities = names
                .map(|name| name.as_str().map(str::to_owned))
                .collect::<Option<_>>()?;
            Some(Rule {
                path: path.clone(),
                capabilities,
            })
        };
        let rules = json["path"]
            .as_object()?
            .iter()
            .map(rule)
            .collect::<Option<_>>()?;
        Some(Self { rules })
    }

    fn parse_hcl(text: &str) -> Option<Self> {
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        let mut rules = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (path, tail) = rest
                .strip_prefix("path")?
                .trim_start()
                .strip_prefix('"')?
                .split_once('"')?;
            let (body, tail) = tail.trim_start().strip_prefix('{')?.split_once('}')?;
            let list = body
                .trim()
                .strip_prefix("capabilities")?
                .trim_start()
                .strip_prefix('=')?
                .trim();
            let list = list.strip_prefix('[')?.strip_suffix(']')?;
            let names = list
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            let capabilities =
                names.map(|name| Some(name.strip_prefix('"')?.strip_suffix('"')?.to_owned()));
            rules.push(Rule {
                path: path.to_owned(),
                capabilities: capabilities.collect::<Option<_>>()?,
            });
            rest = tail.trim_start();
        }
        Some(Self { rules })
    }
}

/// Whether these policies together allow a capability on a path: the most specific matching rule decides, rules of
/// the same path add up, and `deny` wins (<https://developer.hashicorp.com/vault/docs/concepts/policies>).
pub(super) fn allowed<'a>(
    policies: impl Iterator<Item = &'a Policy>,
    path: &str,
    capability: &str,
) -> bool {
    let matching: Vec<&Rule> = policies
        .flat_map(|policy| &policy.rules)
        .filter(|rule| rule.matches(path))
        .collect();
    let Some(best) = matching.iter().map(|rule| rule.specificity()).max() else {
        return false;
    };
    let deciding = matching.iter().filter(|rule| rule.specificity() == best);
    let capabilities: Vec<&String> = deciding.flat_map(|rule| &rule.capabilities).collect();
    let has = |name: &str| capabilities.iter().any(|capability| *capability == name);
    has(capability) && !has("deny")
}

/// Whether these policies allow anything at all below a mount; Vault's rule for showing the mount.
pub(super) fn touches<'a>(policies: impl Iterator<Item = &'a Policy>, mount: &str) -> bool {
    let mut rules = policies.flat_map(|policy| &policy.rules);
    rules.any(|rule| {
        let literal = rule.path.split(['+', '*']).next().unwrap_or_default();
        let related = literal.starts_with(mount)
            || (literal.len() < rule.path.len() && mount.starts_with(literal));
        related
            && !rule
                .capabilities
                .iter()
                .any(|capability| capability == "deny")
    })
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        let (pattern, open) = self
            .path
            .strip_suffix('*')
            .map_or((self.path.as_str(), false), |start| (start, true));
        let wanted: Vec<&str> = pattern.split('/').collect();
        let given: Vec<&str> = path.split('/').collect();
        let Some((last, fixed)) = wanted.split_last() else {
            return false;
        };
        let same = |(wanted, given): (&&str, &&str)| *wanted == "+" || wanted == given;
        if given.len() < wanted.len() || (!open && given.len() > wanted.len()) {
            return false;
        }
        let end = given[fixed.len()];
        let end_matches = if open {
            end.starts_with(last)
        } else {
            same((last, &end))
        };
        end_matches && fixed.iter().zip(&given).all(same)
    }

    /// Orders matching rules as Vault does: more specific is the one whose first wildcard comes later, which does not
    /// end in `*`, which has fewer `+`, which is longer.
    fn specificity(&self) -> (usize, bool, Reverse<usize>, usize) {
        let wildcard = self.path.find(['+', '*']).unwrap_or(usize::MAX);
        let pluses = self
            .path
            .split('/')
            .filter(|segment| *segment == "+")
            .count();
        (
            wildcard,
            !self.path.ends_with('*'),
            Reverse(pluses),
            self.path.len(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &str, path: &str, capability: &str) -> bool {
        allowed([Policy::parse(policy).unwrap()].iter(), path, capability)
    }

    #[test]
    fn hcl_and_json_mean_the_same() {
        let hcl = "# why\npath \"secret/data/ci/cargo\" {\n  capabilities = [\"read\", \"list\"]\n}\npath \"a\" { capabilities = [] }";
        let json = r#"{"path":{"secret/data/ci/cargo":{"capabilities":["read","list"]},"a":{"capabilities":[]}}}"#;
        let mut rules = [
            Policy::parse(hcl).unwrap().rules,
            Policy::parse(json).unwrap().rules,
        ];
        rules
            .iter_mut()
            .for_each(|rules| rules.sort_by(|a, b| a.path.cmp(&b.path)));
        assert_eq!(rules[0], rules[1]);
        assert_eq!(Policy::parse("path secret { }"), None);
    }

    #[test]
    fn the_most_specific_rule_decides() {
        let policy = r#"
            path "secret/data/*" { capabilities = ["read"] }
            path "secret/data/+/cargo" { capabilities = ["update"] }
            path "secret/data/ci/*" { capabilities = ["deny", "read"] }
            path "secret/data/ci/cargo" { capabilities = ["read"] }"#;
        assert!(check(policy, "secret/data/x/y", "read"));
        assert!(check(policy, "secret/data/x/cargo", "update"));
        assert!(!check(policy, "secret/data/x/cargo", "read"));
        assert!(!check(policy, "secret/data/ci/other", "read"));
        assert!(check(policy, "secret/data/ci/cargo", "read"));
        assert!(!check(policy, "secret/data/ci/cargo", "update"));
        assert!(!check(policy, "secret/data", "read"));
        assert!(!check(policy, "secret/metadata/ci", "read"));
    }

    #[test]
    fn mounts_are_shown_to_those_who_may_use_them() {
        let policy = Policy::read(&["secret/data/ci/cargo", "team-*"]);
        let shown = |mount| touches([policy.clone()].iter(), mount);
        assert!(shown("secret/") && shown("team-a/") && !shown("kv1/") && !shown("team/"));
    }
}

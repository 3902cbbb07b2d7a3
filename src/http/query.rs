//! Query strings, read as Go reads them, and the parameters that API v2 has in them.

/// The parameters of a query string, decoded, in order.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string. A parameter that is not well-formed is left out, as in Go.
    pub fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        let pairs = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name, true)?, decode(value, true)?))
        });
        Self(pairs.collect())
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    /// The names of all parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|pair| pair.0.as_str())
    }

    /// The last value of a parameter; nothing where it is absent or empty.
    pub fn last<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).last().filter(|value| !value.is_empty())
    }

    /// A switch that is on where it is not given. Any word that does not mean yes means no.
    pub fn switch(&self, name: &str) -> bool {
        const YES: [&str; 10] = ["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
        self.last(name).is_none_or(|value| YES.iter().any(|yes| yes.eq_ignore_ascii_case(value)))
    }
}

/// Undoes percent encoding; in a query a plus is a space. What is no character becomes U+FFFD. Nothing where a percent
/// sign does not stand before two digits.
pub fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        bytes.push(match byte {
            b'%' => {
                let ([high, low], tail) = rest.split_first_chunk::<2>().map(|(digits, tail)| (*digits, tail))?;
                rest = tail;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(high)? << 4 | digit(low)?).ok()?
            }
            b'+' if plus_is_space => b' ',
            byte => *byte,
        });
    }
    Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_on_unless_its_last_value_does_not_mean_yes() {
        for (query, expected) in [
            ("", true),
            ("active", true),
            ("active=", true),
            ("active=TRUE", true),
            ("active=Enabled", true),
            ("active=false", false),
            ("active=2", false),
            ("active=true&active=no", false),
            ("active=no&active=ok", true),
            ("active=no;", true),
        ] {
            assert_eq!(Query::parse(query).switch("active"), expected, "{query:?}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_left_out() {
        let query = Query::parse("filter=%zz&filter=a%3D%22b+c%22&filter&x=%ff&filter=a;b");
        assert_eq!(query.all("filter").collect::<Vec<_>>(), ["a=\"b c\"", ""]);
        assert_eq!(query.last("x"), Some("\u{fffd}"));
        assert_eq!(query.last("filter"), None);
        assert_eq!(decode("a+b%2", false), None);
        assert_eq!(decode("a+b%2b", false).as_deref(), Some("a+b+"));
    }
}

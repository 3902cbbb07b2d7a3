use proptest::prelude::*;

use super::*;

fn whole(pattern: &str) -> Pattern {
    Pattern::compile(pattern, Anchored::Yes).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

fn refused(pattern: &str) -> String {
    let error = Pattern::compile(pattern, Anchored::Yes).map(|_| pattern).unwrap_err().to_string();
    error.strip_prefix("error parsing regexp: ").unwrap().to_owned()
}

#[test]
fn means_what_go_means() {
    for (pattern, met, missed) in [
        ("a|b", vec!["a", "b"], vec!["", "ab", "A"]),
        ("a.b", vec!["axb", "a🙂b"], vec!["a\nb", "ab"]),
        ("(?s)a.b", vec!["a\nb"], vec![]),
        ("a$", vec!["a"], vec!["a\n"]),
        ("(?m)a$\n^b", vec!["a\nb"], vec!["ab"]),
        (r"\Aa\z", vec!["a"], vec!["aa"]),
        (r"\d\s\w", vec!["1 a", "1\t_"], vec!["1\u{b}a", "٣ a", "1\u{a0}a", "1 é"]),
        (r"[\D]\S\W", vec!["éé-"], vec!["1a-", "aaa"]),
        (r"\bé\B.*", vec![], vec!["é", "éa"]),
        (r"é\b-", vec![], vec!["é-"]),
        (r"a\b-\B ", vec!["a- "], vec!["é- "]),
        ("(?i)straße|K", vec!["STRAßE", "strAẞe", "k", "\u{212a}"], vec!["strasse"]),
        ("(?i:a)b", vec!["Ab", "ab"], vec!["aB"]),
        ("(?i)a(?-i)b", vec!["Ab"], vec!["AB"]),
        ("((?i)a)b", vec!["Ab"], vec!["AB"]),
        ("(?i)[^k]", vec!["a"], vec!["K", "k", "\u{212a}"]),
        (r"(?i)\W", vec!["-"], vec!["\u{17f}", "\u{212a}", "s"]),
        ("[a&&b]", vec!["a", "b", "&"], vec!["", "a&&b"]),
        ("[+--b]", vec!["+", ",", "-", "b"], vec!["a"]),
        ("[a~~b]", vec!["a", "~", "b"], vec![""]),
        ("[[a]b]", vec!["ab]", "[b]"], vec!["a", "b"]),
        ("[]a]", vec!["]", "a"], vec![""]),
        ("[^]a]", vec!["b", "\n"], vec!["]", "a"]),
        ("[a-]", vec!["a", "-"], vec!["b"]),
        ("[-a]", vec!["a", "-"], vec!["b"]),
        (r"[\]\-\\x]", vec!["]", "-", "\\", "x"], vec![""]),
        ("[[:alpha:]_]+", vec!["ab_"], vec!["a1", ":"]),
        ("[[:^digit:]]", vec!["a", "\n"], vec!["1"]),
        ("[[:]", vec!["[", ":"], vec!["a"]),
        (r"\pN\p{Greek}\P{^Lu}\p{Uppercase_Letter}", vec!["1ΣAÀ"], vec!["1sAA", "1ΣaA"]),
        (r"[^\x00-\x{10FFFF}]|a", vec!["a"], vec!["b", ""]),
        (r"\x41\x{1F642}\101\07\0", vec!["A🙂A\x07\0"], vec![]),
        (r"\x{D800}|a", vec!["a"], vec!["\u{fffd}"]),
        (r"\Qa.b*\E+", vec!["a.b*", "a.b***"], vec!["axb"]),
        (r"\<a\>\_\/\-\@\ ", vec!["<a>_/-@ "], vec!["a"]),
        (r"\ba\b\{start}", vec!["a{start}"], vec!["a"]),
        ("a{,2}|b{|c{1|{}|{01}", vec!["a{,2}", "b{", "c{1", "{}", "{01}"], vec!["aa", "a"]),
        ("a{2}b{1,}c{0,1}", vec!["aab", "aabbc"], vec!["ab", "aabcc"]),
        ("a*?b+?c??", vec!["b", "aabbc"], vec!["a"]),
        ("(?U)a*", vec!["", "aaa"], vec!["b"]),
        ("(?P<name>a)(?<other>b)()(|c)", vec!["ab", "abc"], vec!["a"]),
        ("", vec![""], vec!["a"]),
        ("a)|(b", vec!["ax", "xb"], vec!["xa", "bx"]),
        ("^a$|^b$", vec!["a", "b"], vec!["ab"]),
        ("a(?i)*", vec!["aaa", ""], vec!["A"]),
    ] {
        let compiled = whole(pattern);
        for text in met {
            assert!(compiled.matches(text), "{pattern} should match {text:?}");
        }
        for text in missed {
            assert!(!compiled.matches(text), "{pattern} should not match {text:?}");
        }
    }
}

#[test]
fn refuses_with_the_words_of_go() {
    for (pattern, text) in [
        ("(", "missing closing ): `^(?:()$`"),
        (r"\Qa", r"missing closing ): `^(?:\Qa)$`"),
        ("a)", "unexpected ): `^(?:a))$`"),
        ("[a", "missing closing ]: `[a)$`"),
        ("[", "missing closing ]: `[)$`"),
        (r"[a\", r"missing closing ]: `[a\)$`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a|*?", "missing argument to repetition operator: `*?`"),
        ("(+)", "missing argument to repetition operator: `+`"),
        ("{1}", "missing argument to repetition operator: `{1}`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a++?", "invalid nested repetition operator: `++?`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{1,1001}?", "invalid repeat count: `{1,1001}`"),
        ("a{2,1}", "invalid repeat count: `{2,1}`"),
        ("a{99999999999}", "invalid repeat count: `{99999999999}`"),
        ("(a{100}){11}", "invalid repeat count: `{11}`"),
        ("((a{10}b){10}|c){11,}?", "invalid repeat count: `{11,}?`"),
        (r"\e", r"invalid escape sequence: `\e`"),
        (r"\é", r"invalid escape sequence: `\é`"),
        (r"\8", r"invalid escape sequence: `\8`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\u00e9", r"invalid escape sequence: `\u`"),
        (r"\x4", r"invalid escape sequence: `\x4)`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        (r"\x{}", r"invalid escape sequence: `\x{}`"),
        (r"\x{4", r"invalid escape sequence: `\x{4)`"),
        ("[b-a]", "invalid character class range: `b-a`"),
        (r"[a-\d]", r"invalid escape sequence: `\d`"),
        ("[a--b]", "invalid character class range: `a--`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
        (r"\p{Grek}", r"invalid character class range: `\p{Grek}`"),
        (r"\p{Alphabetic}", r"invalid character class range: `\p{Alphabetic}`"),
        (r"[\p{Foo]", r"invalid character class range: `\p{Foo])$`"),
        (r"\pQ", r"invalid character class range: `\pQ`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?P=a)", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?", "missing closing ): `^(?:(?)$`"),
        ("(?P<a b>c)", "invalid named capture: `(?P<a b>`"),
        ("(?<>c)", "invalid named capture: `(?<>`"),
        ("(?P<a", "invalid named capture: `(?P<a)$`"),
    ] {
        assert_eq!(refused(pattern), text, "{pattern}");
    }
    let trailing = Pattern::compile("a\\", Anchored::No).unwrap_err().to_string();
    assert_eq!(trailing, "error parsing regexp: trailing backslash at end of expression: ``");
}

#[test]
fn is_bounded() {
    let long = "a".repeat(MAX_LEN + 1);
    assert_eq!(Pattern::compile(&long, Anchored::Yes).unwrap_err(), PatternError::TooLong(MAX_LEN + 1));
    assert!(Pattern::compile(&long[1..], Anchored::Yes).is_ok());
    assert_eq!(Pattern::compile(r"\pL{1000}", Anchored::Yes).unwrap_err(), PatternError::TooLarge);
    assert_eq!(Pattern::compile(&r"\pL".repeat(1000), Anchored::Yes).unwrap_err(), PatternError::TooLarge);
    let nested = |levels: usize| format!("{}a*{}", "(b".repeat(levels), ")".repeat(levels));
    assert!(Pattern::compile(&nested(100), Anchored::Yes).is_ok());
    assert!(refused(&nested(1000)).starts_with("expression nests too deeply: "));
}

#[test]
fn the_deepest_nesting_fits_a_small_stack() {
    let nested = format!("{}[ab]*{}", "(?:b".repeat(240), ")*".repeat(240));
    let compile = move || (120..=240).any(|_| Pattern::compile(&nested, Anchored::Yes).is_ok());
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(compile).unwrap();
    thread.join().unwrap();
}

#[test]
fn few_texts_are_looked_up() {
    for (pattern, lookup) in [
        ("a", true),
        ("", true),
        ("a|b|c", true),
        ("^(?:a|b)$", true),
        ("^a$", true),
        ("web-[0-3](?:-blue)?", true),
        ("(?i)ok", true),
        (r"a\.b", true),
        ("a.*", false),
        ("a|.", false),
        ("^a$|^b$", false),
        (r"\ba", false),
        ("a)|(b", false),
    ] {
        assert_eq!(whole(pattern).is_lookup(), lookup, "{pattern}");
    }
}

/// A pattern of letters, alternatives, sequences and repetitions, for which matching can be said in a few lines.
#[derive(Clone, Debug)]
enum Naive {
    Letter(char),
    Any,
    Not(char),
    Then(Vec<Naive>),
    Or(Vec<Naive>),
    Repeat(Box<Naive>, usize, Option<usize>),
}

impl Naive {
    fn written(&self) -> String {
        let all = |parts: &[Self], between| parts.iter().map(Self::written).collect::<Vec<_>>().join(between);
        match self {
            Self::Letter(c) => c.to_string(),
            Self::Any => ".".to_owned(),
            Self::Not(c) => format!("[^{c}]"),
            Self::Then(parts) => format!("(?:{})", all(parts, "")),
            Self::Or(parts) => format!("({})", all(parts, "|")),
            Self::Repeat(part, 0, None) => format!("(?:{})*", part.written()),
            Self::Repeat(part, 1, None) => format!("(?:{})+?", part.written()),
            Self::Repeat(part, 0, Some(1)) => format!("(?:{})?", part.written()),
            Self::Repeat(part, min, None) => format!("(?:{}){{{min},}}", part.written()),
            Self::Repeat(part, min, Some(max)) => format!("(?:{}){{{min},{max}}}", part.written()),
        }
    }

    /// Where a match can end that begins at one of these places.
    fn ends(&self, text: &[char], from: Vec<usize>) -> Vec<usize> {
        let one = |accepts: &dyn Fn(char) -> bool| {
            let next = |at: &usize| text.get(*at).is_some_and(|c| accepts(*c)).then_some(at + 1);
            from.iter().filter_map(next).collect()
        };
        let mut ends: Vec<usize> = match self {
            Self::Letter(c) => one(&|found| found == *c),
            Self::Any => one(&|found| found != '\n'),
            Self::Not(c) => one(&|found| found != *c),
            Self::Then(parts) => parts.iter().fold(from, |from, part| part.ends(text, from)),
            Self::Or(parts) => parts.iter().flat_map(|part| part.ends(text, from.clone())).collect(),
            Self::Repeat(part, min, max) => {
                let mut at = from;
                for _ in 0..*min {
                    at = part.ends(text, at);
                }
                let mut all = at.clone();
                for _ in 0..max.map_or(text.len() + 1, |max| max - min) {
                    at = part.ends(text, at);
                    all.extend(&at);
                }
                all
            }
        };
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

fn naive() -> impl Strategy<Value = Naive> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec!['a', 'b', 'é']).prop_map(Naive::Letter),
        1 => Just(Naive::Any),
        1 => prop::sample::select(vec!['a', 'b']).prop_map(Naive::Not),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Naive::Then),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Naive::Or),
            (inner, 0_usize..3, prop::option::of(0_usize..3))
                .prop_map(|(part, min, more)| { Naive::Repeat(Box::new(part), min, more.map(|more| min + more)) }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_naive_model(pattern in naive(), texts in prop::collection::vec("[abé\n]{0,6}", 8)) {
        let compiled = whole(&pattern.written());
        for text in texts {
            let chars: Vec<char> = text.chars().collect();
            let expected = pattern.ends(&chars, vec![0]).contains(&chars.len());
            prop_assert_eq!(compiled.matches(&text), expected, "{} {:?}", pattern.written(), text);
        }
    }

    #[test]
    fn never_panics(pattern in any::<String>(), syntax in r"[a-c\[\]{}()*+?|^$.\\0-9,:<>PQEpdwxi-]{0,24}", text in any::<String>()) {
        for pattern in [pattern, syntax] {
            for anchored in [Anchored::Yes, Anchored::No] {
                match Pattern::compile(&pattern, anchored) {
                    Ok(compiled) => { compiled.matches(&text); }
                    Err(error) => prop_assert!(error.to_string().starts_with("error parsing regexp: ")),
                }
            }
        }
    }

    #[test]
    fn an_escaped_text_is_itself(text in any::<String>(), other in any::<String>()) {
        let escaped: String = text.chars().map(|c| format!("\\x{{{:x}}}", u32::from(c))).collect();
        if escaped.len() <= MAX_LEN {
            let compiled = whole(&escaped);
            prop_assert!(compiled.matches(&text));
            prop_assert_eq!(compiled.matches(&other), text == other);
        }
    }
}

#[test]
fn a_searcher_replaces_as_go_does() {
    for (pattern, text, replacement, expected) in [
        ("(a)(?P<x>b)", "abab", "$1-${x}-$1x-$$", "a-b--$a-b--$"),
        ("a(.*)b", "a1b2b", "<$1>", "<1b2>"),
        ("a(.*?)b", "a1b2b", "<$1>", "<1>2b"),
        ("(?U)a(.*)b", "a1b2b", "<$1>", "<1>2b"),
        ("(?:a|ab)(c|bcd)(d*)", "abcd", "$1/$2", "bcd/"),
        ("\\d", "٣3", "x", "٣x"),
        ("a*", "baac", "-", "-b-c-"),
    ] {
        let searcher = Searcher::compile(pattern).unwrap();
        assert_eq!(searcher.replace_all(text, replacement, |_| Ok::<(), ()>(())).as_deref(), Ok(expected), "{pattern}");
    }
    assert_eq!(Searcher::compile("a").unwrap().replace_all("aa", "bb", Err), Err(2));
}

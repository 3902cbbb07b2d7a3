use proptest::prelude::*;

use super::*;

fn matcher(name: &str, op: Op, value: &str) -> Matcher {
    Matcher::new(name, op, value).unwrap()
}

fn read(mode: Mode, input: &str) -> String {
    parse_matchers(mode, input).map_or_else(|error| error.to_string(), |(matchers, _)| list_string(&matchers))
}

fn read_one(mode: Mode, input: &str) -> String {
    parse_matcher(mode, input).map_or_else(|error| error.to_string(), |matcher| matcher.to_string())
}

#[test]
fn prints_as_alertmanager_does() {
    for (name, op, value, text) in [
        ("foo", Op::Equal, "bar", r#"foo="bar""#),
        ("foo", Op::NotRegex, "a\\b\n\"c\"\t", "foo!~\"a\\\\b\\n\\\"c\\\"\t\""),
        ("foo bar", Op::NotEqual, "a\tb", r#""foo bar"!="a\tb""#),
        ("fo\"o", Op::Regex, "", r#""fo\"o"=~"""#),
        ("", Op::Equal, "x", r#"="x""#),
        ("föö.bar", Op::Equal, "é", r#"föö.bar="é""#),
    ] {
        assert_eq!(matcher(name, op, value).to_string(), text);
    }
    assert_eq!(list_string(&[]), "{}");
    assert_eq!(list_string(&[matcher("a", Op::Equal, "b"), matcher("c", Op::Regex, "d")]), r#"{a="b",c=~"d"}"#);
}

#[test]
fn is_ordered_by_name_value_and_operator() {
    let mut matchers = [
        matcher("b", Op::Equal, "a"),
        matcher("a", Op::NotRegex, "a"),
        matcher("a", Op::Equal, "b"),
        matcher("a", Op::Equal, "a"),
        matcher("a", Op::Regex, "a"),
        matcher("a", Op::NotEqual, "a"),
    ];
    matchers.sort();
    assert_eq!(list_string(&matchers), r#"{a="a",a!="a",a=~"a",a!~"a",a="b",b="a"}"#);
}

#[test]
fn filters_ask_for_the_label_where_the_value_is_empty() {
    for (op, value, absent, empty, present) in [
        (Op::Equal, "", true, true, false),
        (Op::NotEqual, "", false, true, true),
        (Op::Regex, "", true, true, false),
        (Op::NotRegex, "", false, true, true),
        (Op::Equal, "x", false, false, true),
        (Op::NotEqual, "x", true, true, false),
        (Op::Regex, "x|", true, true, true),
        (Op::NotRegex, "x|", false, false, false),
    ] {
        let matcher = matcher("a", op, value);
        let found = [None, Some(""), Some("x")].map(|value| matcher.filter_matches(value));
        assert_eq!(found, [absent, empty, present], "{matcher}");
    }
}

#[test]
fn the_modes_differ() {
    let open = "error parsing regexp: missing closing ]: `[)$`";
    let create = format!("failed to create matcher: {open}");
    let no_operator = "1:2: unexpected ,: expected an operator such as '=', '!=', '=~' or '!~'";
    for (input, classic, strict) in [
        ("", "{}", "{}"),
        ("{}", "{}", "{}"),
        ("a=b, c!=d,", r#"{a="b",c!="d"}"#, r#"{a="b",c!="d"}"#),
        ("a=b c", r#"{a="b c"}"#, "4:5: unexpected c: expected a comma or close brace"),
        (r#"a="\t""#, r#"{a="\\t"}"#, "{a=\"\t\"}"),
        ("a=", r#"{a=""}"#, "end of input: expected label value"),
        (r#"a="x\,y""#, r#"{a="x\\,y"}"#, r#"2:8: "x\,y": invalid input"#),
        ("{a=b} '", r#"{a="b} '"}"#, "6:7: ': invalid input: expected end of input"),
        ("a=~[", open, &create),
        // The first mistake counts, of whichever sort.
        ("a=~[,b", open, &create),
        ("b,a=~[", "bad matcher format: b", no_operator),
    ] {
        assert_eq!(read(Mode::Fallback, input), classic, "{input}");
        assert_eq!(read(Mode::Classic, input), classic, "{input}");
        assert_eq!(read(Mode::Utf8Strict, input), strict, "{input}");
    }
    assert_eq!(read(Mode::Fallback, "a.b=c"), r#"{a.b="c"}"#);
    assert_eq!(read(Mode::Classic, "a.b=c"), "bad matcher format: a.b=c");
}

#[test]
fn a_single_matcher_has_no_braces() {
    let [braces, braced_pattern] = ["{a=b}", "a=~b{2}"].map(|input| format!("unexpected open or close brace: {input}"));
    for (input, fallback, classic, strict) in [
        ("{a=b}", braces.as_str(), "bad matcher format: {a=b}", braces.as_str()),
        ("a=~b{2}", &braced_pattern, r#"a=~"b{2}""#, &braced_pattern),
        ("a=b,c=d", r#"a="b,c=d""#, r#"a="b,c=d""#, "expected 1 matcher, found 2"),
        ("", "bad matcher format: ", "bad matcher format: ", "no matchers"),
        ("é=b", r#"é="b""#, "bad matcher format: é=b", r#"é="b""#),
    ] {
        assert_eq!(read_one(Mode::Fallback, input), fallback);
        assert_eq!(read_one(Mode::Classic, input), classic);
        assert_eq!(read_one(Mode::Utf8Strict, input), strict);
    }
}

#[test]
fn warns_where_the_grammars_differ() {
    let warnings = |mode, input| parse_matchers(mode, input).unwrap().1;
    for input in ["", "a=b", "a.b=c", r#"a="b""#] {
        assert_eq!(warnings(Mode::Fallback, input), Vec::<String>::new(), "{input}");
    }
    let [only_classic, both] = ["a=b c", r#"a="\t""#].map(|input| warnings(Mode::Fallback, input).concat());
    assert!(only_classic.contains("classic parser alone") && only_classic.contains(r#"write {a="b c"}"#));
    assert!(both.contains("which counts") && both.contains(r#"as {a="\\t"} by the classic"#));
    assert_eq!(warnings(Mode::Classic, "a=b c"), Vec::<String>::new());
}

fn any_op() -> impl Strategy<Value = Op> {
    prop::sample::select(vec![Op::Equal, Op::NotEqual, Op::Regex, Op::NotRegex])
}

/// Names and values that are mostly made of what the grammars use themselves.
fn tricky() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), r#"[ab=!~,{}"'`\\ \n\té]{0,12}"#]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn what_was_printed_parses_to_the_same(name in tricky(), op in any_op(), value in tricky()) {
        let Ok(printed) = Matcher::new(name.as_str(), op, value.as_str()) else { return Ok(()) };
        // An empty name is printed bare, as Alertmanager does, and cannot be read back.
        prop_assume!(!name.is_empty());
        prop_assert_eq!(parse_matcher(Mode::Utf8Strict, &printed.to_string()), Ok(printed.clone()));
        let (list, _) = parse_matchers(Mode::Utf8Strict, &list_string(&[printed.clone(), printed.clone()])).unwrap();
        prop_assert_eq!(list, vec![printed.clone(), printed]);
    }

    #[test]
    fn names_of_old_round_trip_in_every_mode(name in "[a-zA-Z_][a-zA-Z0-9_]{0,4}", op in any_op(), value in tricky()) {
        let Ok(printed) = Matcher::new(name.as_str(), op, value.as_str()) else { return Ok(()) };
        for mode in [Mode::Fallback, Mode::Classic, Mode::Utf8Strict] {
            prop_assert_eq!(parse_matcher(mode, &printed.to_string()), Ok(printed.clone()));
        }
    }

    #[test]
    fn parsing_never_panics(input in tricky()) {
        for mode in [Mode::Fallback, Mode::Classic, Mode::Utf8Strict] {
            let _ = parse_matcher(mode, &input);
            let _ = parse_matchers(mode, &input);
        }
    }

    #[test]
    fn the_negative_operators_negate(pattern in "[ab.*|()]{0,6}", value in "[ab]{0,4}") {
        let both = |yes, no| Some((Matcher::new("a", yes, pattern.as_str()).ok()?, Matcher::new("a", no, pattern.as_str()).ok()?));
        for (yes, no) in [both(Op::Equal, Op::NotEqual), both(Op::Regex, Op::NotRegex)].into_iter().flatten() {
            prop_assert_ne!(yes.matches(&value), no.matches(&value));
        }
    }
}

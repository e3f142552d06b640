use super::*;
use crate::search::Error;
use proptest::prelude::*;

fn passes(filter: &str, metadata: &str) -> bool {
    Filter::parse(filter).unwrap().passes(metadata)
}

const NOTE: &str = r#"{"year": 2021, "tags": ["law", "tax"], "draft": false, "path": "notes/a.md",
    "modified": "2021-03-04T10:00:00Z"}"#;

#[test]
fn every_comparison_does_what_it_says() {
    for (filter, expected) in [
        (r"{}", true),
        (r#"{"year": 2021}"#, true),
        (r#"{"year": 2021.0}"#, true),
        (r#"{"year": "2021"}"#, false),
        (r#"{"year": {"ne": 2021}}"#, false),
        (r#"{"gone": {"ne": 2021}}"#, true),
        (r#"{"year": {"gte": 2021, "lt": 2022}}"#, true),
        (r#"{"year": {"gt": 2021}}"#, false),
        (r#"{"year": {"lte": 2020}}"#, false),
        (r#"{"tags": {"has": "law"}}"#, true),
        (r#"{"tags": {"has": "la"}}"#, false),
        (r#"{"tags": "law"}"#, false),
        (r#"{"draft": false}"#, true),
        (r#"{"not": {"draft": true}}"#, true),
        (r#"{"path": {"prefix": "notes/"}}"#, true),
        (r#"{"path": {"prefix": "Notes/"}}"#, false),
        (r#"{"path": {"in": ["b", "notes/a.md"]}}"#, true),
        (r#"{"path": {"in": []}}"#, false),
        (
            r#"{"year": {"exists": true}, "gone": {"exists": false}}"#,
            true,
        ),
        (r#"{"or": [{"year": 1}, {"draft": false}]}"#, true),
        (r#"{"or": []}"#, false),
        (r#"{"and": []}"#, true),
        (r#"{"and": [{"year": 2021}, {"draft": true}]}"#, false),
        (r#"{"modified": {"gte": "2021", "lt": "2022"}}"#, true),
        (r#"{"modified": {"lte": "2021"}}"#, true),
        (r#"{"modified": {"lt": "2021-03-04"}}"#, false),
        (r#"{"modified": {"gt": "2021-03-04"}}"#, false),
        (r#"{"modified": {"gt": "2021-03-04T10:59:59+01:00"}}"#, true),
        (r#"{"modified": {"gt": 3}}"#, false),
    ] {
        assert_eq!(passes(filter, NOTE), expected, "{filter}");
    }
    assert!(!passes(r#"{"a": 1}"#, "no JSON"));
    assert!(passes(r#"{"a": {"exists": false}}"#, ""));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    for (filter, place) in [
        ("[]", "$"),
        ("{", "$"),
        (r#"{"a": null}"#, "$.a"),
        (r#"{"a": [1]}"#, "$.a"),
        (r#"{"a": {}}"#, "$.a"),
        (r#"{"a": {"above": 1}}"#, "$.a.above"),
        (r#"{"a": {"gt": "soon"}}"#, "$.a.gt"),
        (r#"{"a": {"gt": "2023-02-29"}}"#, "$.a.gt"),
        (r#"{"a": {"in": [1, {}]}}"#, "$.a.in[1]"),
        (r#"{"or": [{}, {"b": {"prefix": 1}}]}"#, "$.or[1].b.prefix"),
        (r#"{"not": 1}"#, "$.not"),
    ] {
        let Err(Error::InvalidFilter { at, .. }) = Filter::parse(filter) else {
            panic!("{filter} was taken");
        };
        assert_eq!(at, place, "{filter}");
    }
    let deep = format!("{}{}{}", "{\"not\":".repeat(40), "{}", "}".repeat(40));
    assert!(Filter::parse(&deep).is_err());
    let endless = format!("{{\"not\":{}", "[".repeat(100_000));
    assert!(Filter::parse(&endless).is_err());
    let long = format!("{{\"a\":{{\"in\":[{}1]}}}}", "1,".repeat(10_000));
    assert!(Filter::parse(&long).is_err());
}

#[test]
fn dates_are_instants_whatever_their_zone_and_precision() {
    let start = |text| Date::parse(text).unwrap().start;
    assert_eq!(start("1970-01-01"), 0);
    assert_eq!(start("2000-02-29T00:00Z"), 951_782_400_000);
    assert_eq!(start("2024-05-01T12:30:15.250Z"), 1_714_566_615_250);
    assert_eq!(start("2024-05-01T12:30:15,25"), 1_714_566_615_250);
    assert_eq!(start("2024-05-01T14:30:15.25+02:00"), 1_714_566_615_250);
    assert_eq!(start("2024-05-01T10:00:15.25-0230"), 1_714_566_615_250);
    assert_eq!(Date::parse("2024").unwrap().end, start("2025"));
    assert_eq!(Date::parse("2024-12").unwrap().end, start("2025-01"));
    for bad in [
        "",
        "24",
        "2024-13",
        "2024-00-01",
        "2023-02-29",
        "2024-05-01T",
        "2024-05-01T24:00",
        "2024-05-01T10",
        "2024T10:00",
        "2024-05-01T10:00:61",
        "2024-05-01T10:00:00.",
        "+2024",
        "2024-05-01T10:00+25:00",
        "2024-5-1",
        "2024-05-01-02",
        "٢٠٢٤",
    ] {
        assert_eq!(Date::parse(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}", zone in "[-+Zz:0-9T.,é]{0,24}") {
        let _ = Filter::parse(&text);
        let _ = Date::parse(&text);
        let _ = Date::parse(&format!("2024-05-01T{zone}"));
    }
}

//! Conditions on the metadata of documents, and the JSON form they are written in.
//!
//! ```json
//! { "year": { "gte": 2020, "lt": 2024 }, "tags": { "has": "law" }, "not": { "draft": true },
//!   "or": [ { "path": { "prefix": "notes/" } }, { "type": { "in": ["pdf", "docx"] } } ] }
//! ```
//!
//! The parts of an object must all hold. A field is compared with a plain value, or with an object of
//! comparisons: `eq`, `ne`, `lt`, `lte`, `gt`, `gte`, `in`, `prefix`, `has`, `exists`. Ranges take numbers
//! and ISO 8601 dates.

mod date;
mod parse;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use date::Date;

/// A condition on the metadata of a document, which is a JSON object.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of these hold; true if there are none.
    All(Vec<Filter>),
    /// One of these holds at least; false if there are none.
    Any(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
    /// A field compares in this way. Without such a field, or with one of another type, it does not hold.
    Field(String, Test),
}

/// A comparison of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It equals a string, number or boolean; numbers by their value.
    Equals(Scalar),
    /// It equals one of these.
    In(Vec<Scalar>),
    /// A number or date is less, or not more if `or_equal`.
    Below {
        /// What it is compared with.
        bound: Bound,
        /// Whether the bound itself passes.
        or_equal: bool,
    },
    /// A number or date is greater, or not less if `or_equal`.
    Above {
        /// What it is compared with.
        bound: Bound,
        /// Whether the bound itself passes.
        or_equal: bool,
    },
    /// A string begins so.
    Prefix(String),
    /// An array contains this.
    Has(Scalar),
    /// Whether there is such a field at all.
    Exists(bool),
}

/// A single value of metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A string.
    Text(String),
    /// A number.
    Number(f64),
    /// A boolean.
    Bool(bool),
}

/// The end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Of numbers.
    Number(f64),
    /// Of dates. One without a time of day, day or month means all of its day, month or year.
    Date(Date),
}

impl Filter {
    /// Whether a document's metadata passes. Text that is not a JSON object counts as an empty object.
    pub fn passes(&self, metadata: &str) -> bool {
        let object = serde_json::from_str(metadata).unwrap_or_default();
        self.holds(&object)
    }

    /// The same for metadata that is parsed already.
    pub fn holds(&self, metadata: &Map<String, Value>) -> bool {
        match self {
            Self::All(all) => all.iter().all(|f| f.holds(metadata)),
            Self::Any(any) => any.iter().any(|f| f.holds(metadata)),
            Self::Not(not) => !not.holds(metadata),
            Self::Field(name, test) => test.holds(metadata.get(name)),
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        if let Self::Exists(wanted) = self {
            return value.is_some() == *wanted;
        }
        let Some(value) = value else { return false };
        match self {
            Self::Equals(scalar) => scalar.is(value),
            Self::In(any) => any.iter().any(|scalar| scalar.is(value)),
            Self::Below { bound, or_equal } => bound.exceeds(value, *or_equal),
            Self::Above { bound, or_equal } => bound.undercuts(value, *or_equal),
            Self::Prefix(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
            Self::Has(scalar) => value
                .as_array()
                .is_some_and(|values| values.iter().any(|value| scalar.is(value))),
            Self::Exists(_) => true,
        }
    }
}

impl Scalar {
    fn is(&self, value: &Value) -> bool {
        match self {
            Self::Text(text) => value.as_str() == Some(text),
            Self::Number(number) => value.as_f64() == Some(*number),
            Self::Bool(yes) => value.as_bool() == Some(*yes),
        }
    }
}

impl Bound {
    /// Whether `value` is below it.
    fn exceeds(&self, value: &Value, or_equal: bool) -> bool {
        match self {
            Self::Number(bound) => value
                .as_f64()
                .is_some_and(|v| v < *bound || or_equal && v == *bound),
            Self::Date(bound) => Date::of(value)
                .is_some_and(|v| v.start < if or_equal { bound.end } else { bound.start }),
        }
    }

    /// Whether `value` is above it.
    fn undercuts(&self, value: &Value, or_equal: bool) -> bool {
        match self {
            Self::Number(bound) => value
                .as_f64()
                .is_some_and(|v| v > *bound || or_equal && v == *bound),
            Self::Date(bound) => Date::of(value)
                .is_some_and(|v| v.start >= if or_equal { bound.start } else { bound.end }),
        }
    }
}

//! Filters from JSON.

use serde_json::{Map, Value};

use super::{Bound, Date, Filter, Scalar, Test};
use crate::search::Error;

/// Deepest nesting of `and`, `or` and `not`.
const DEPTH: usize = 16;
/// Most comparisons and listed values of a filter.
const SIZE: usize = 10_000;

impl Filter {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`], which names the place.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let value = serde_json::from_str(json).map_err(|e| invalid("$", e))?;
        Self::from_value(&value)
    }

    /// The same from parsed JSON.
    ///
    /// # Errors
    /// As [`Filter::parse`].
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        Parser { left: SIZE }.filter(value, "$", DEPTH)
    }
}

fn invalid(at: &str, why: impl ToString) -> Error {
    Error::InvalidFilter {
        at: at.to_owned(),
        why: why.to_string(),
    }
}

struct Parser {
    /// Comparisons and values that may still come.
    left: usize,
}

impl Parser {
    fn count(&mut self, at: &str) -> Result<(), Error> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| invalid(at, format!("more than {SIZE} comparisons")))?;
        Ok(())
    }

    fn filter(&mut self, value: &Value, at: &str, depth: usize) -> Result<Filter, Error> {
        let Value::Object(object) = value else {
            return Err(invalid(at, "an object is needed, such as {\"year\": 2024}"));
        };
        let Some(depth) = depth.checked_sub(1) else {
            return Err(invalid(at, format!("nested deeper than {DEPTH}")));
        };
        let mut all = Vec::with_capacity(object.len());
        for (name, value) in object {
            let at = format!("{at}.{name}");
            match name.as_str() {
                "and" => all.push(Filter::All(self.list(value, &at, depth)?)),
                "or" => all.push(Filter::Any(self.list(value, &at, depth)?)),
                "not" => all.push(Filter::Not(Box::new(self.filter(value, &at, depth)?))),
                _ => self.field(name, value, &at, &mut all)?,
            }
        }
        Ok(match <[Filter; 1]>::try_from(all) {
            Ok([one]) => one,
            Err(all) => Filter::All(all),
        })
    }

    fn list(&mut self, value: &Value, at: &str, depth: usize) -> Result<Vec<Filter>, Error> {
        let Value::Array(values) = value else {
            return Err(invalid(at, "an array of filters is needed"));
        };
        let parts = values.iter().enumerate();
        parts
            .map(|(i, value)| self.filter(value, &format!("{at}[{i}]"), depth))
            .collect()
    }

    fn field(
        &mut self,
        name: &str,
        value: &Value,
        at: &str,
        all: &mut Vec<Filter>,
    ) -> Result<(), Error> {
        let Value::Object(tests) = value else {
            self.count(at)?;
            let equals = Test::Equals(scalar(value, at)?);
            all.push(Filter::Field(name.to_owned(), equals));
            return Ok(());
        };
        if tests.is_empty() {
            return Err(invalid(at, "no comparison in it"));
        }
        self.tests(name, tests, at, all)
    }

    fn tests(
        &mut self,
        name: &str,
        tests: &Map<String, Value>,
        at: &str,
        all: &mut Vec<Filter>,
    ) -> Result<(), Error> {
        for (word, value) in tests {
            let at = format!("{at}.{word}");
            self.count(&at)?;
            let field = |test| Filter::Field(name.to_owned(), test);
            all.push(match word.as_str() {
                "eq" => field(Test::Equals(scalar(value, &at)?)),
                "ne" => Filter::Not(Box::new(field(Test::Equals(scalar(value, &at)?)))),
                "lt" | "lte" => field(Test::Below {
                    bound: bound(value, &at)?,
                    or_equal: word == "lte",
                }),
                "gt" | "gte" => field(Test::Above {
                    bound: bound(value, &at)?,
                    or_equal: word == "gte",
                }),
                "in" => field(Test::In(self.scalars(value, &at)?)),
                "prefix" => match value {
                    Value::String(prefix) => field(Test::Prefix(prefix.clone())),
                    _ => return Err(invalid(&at, "a string is needed")),
                },
                "has" => field(Test::Has(scalar(value, &at)?)),
                "exists" => match value {
                    Value::Bool(yes) => field(Test::Exists(*yes)),
                    _ => return Err(invalid(&at, "true or false is needed")),
                },
                _ => {
                    let known = "eq, ne, lt, lte, gt, gte, in, prefix, has, exists";
                    return Err(invalid(
                        &at,
                        format!("no such comparison; there are {known}"),
                    ));
                }
            });
        }
        Ok(())
    }

    fn scalars(&mut self, value: &Value, at: &str) -> Result<Vec<Scalar>, Error> {
        let Value::Array(values) = value else {
            return Err(invalid(at, "an array of values is needed"));
        };
        let mut scalars = Vec::with_capacity(values.len());
        for (i, value) in values.iter().enumerate() {
            let at = format!("{at}[{i}]");
            self.count(&at)?;
            scalars.push(scalar(value, &at)?);
        }
        Ok(scalars)
    }
}

fn scalar(value: &Value, at: &str) -> Result<Scalar, Error> {
    match value {
        Value::String(text) => Ok(Scalar::Text(text.clone())),
        Value::Bool(yes) => Ok(Scalar::Bool(*yes)),
        Value::Number(number) => number
            .as_f64()
            .map(Scalar::Number)
            .ok_or_else(|| invalid(at, "a number out of range")),
        _ => Err(invalid(at, "a string, number or boolean is needed")),
    }
}

fn bound(value: &Value, at: &str) -> Result<Bound, Error> {
    let date = Date::of(value).map(Bound::Date);
    let bound = date.or_else(|| value.as_f64().map(Bound::Number));
    bound.ok_or_else(|| invalid(at, "a number or an ISO 8601 date is needed"))
}

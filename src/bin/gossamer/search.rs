//! `gossamer search`: a question in, passages out.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::ValueEnum;
use gossamer::index::{GroupBy, LeftOut, Mode, SearchOptions};
use gossamer::search::Filter;
use serde_json::json;

use crate::error::Failure;
use crate::{DeviceOption, documents, hits, model, output};

#[derive(clap::Args)]
pub struct Options {
    /// The question, in plain words; "words in quotes" must occur, -word must not
    question: String,
    /// Folder of the index
    #[arg(long, value_name = "PATH")]
    index: PathBuf,
    #[command(flatten)]
    asked: Asked,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOption,
}

/// What is asked for besides the question.
#[derive(clap::Args)]
pub struct Asked {
    /// Hits wanted
    #[arg(short, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    k: u32,
    /// Share of the exact top k to find, on average; 1 embeds every chunk
    #[arg(long, default_value_t = 0.95, value_name = "SHARE")]
    recall: f32,
    /// What ranks: meaning and words, meaning alone, or words alone (which needs no model)
    #[arg(long, value_enum, default_value = "hybrid")]
    mode: Ranks,
    /// Only documents whose metadata pass, for instance '{"year":{"gte":2020},"tags":{"has":"law"}}'
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// What a hit stands for: itself, or its document
    #[arg(long, value_enum, default_value = "chunk")]
    group_by: Groups,
    /// Hits of at least this score only
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    min_score: Option<f32>,
    /// Hits to pass over first, for the next pages
    #[arg(long, default_value_t = 0, value_name = "HITS")]
    offset: usize,
    /// Milliseconds after which the answer should be there, with what is known by then
    #[arg(long, value_name = "MS")]
    deadline_ms: Option<f64>,
    /// Passages to embed, at most
    #[arg(long, value_name = "PASSAGES")]
    limit: Option<usize>,
    /// Passages to embed at once
    #[arg(long, value_name = "PASSAGES", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Ranks {
    Hybrid,
    Semantic,
    Keyword,
}

#[derive(Clone, Copy, ValueEnum)]
enum Groups {
    Chunk,
    Document,
}

impl Asked {
    /// As the library takes it.
    pub fn options(&self) -> Result<SearchOptions, Failure> {
        let filter = self.filter.as_deref().map(Filter::parse).transpose();
        let usual = SearchOptions::default();
        Ok(SearchOptions {
            k: self.k as usize,
            recall: self.recall,
            mode: match self.mode {
                Ranks::Hybrid => Mode::Hybrid,
                Ranks::Semantic => Mode::Semantic,
                Ranks::Keyword => Mode::Keyword,
            },
            filter: filter.map_err(gossamer::index::Error::from)?,
            group_by: match self.group_by {
                Groups::Chunk => GroupBy::Chunk,
                Groups::Document => GroupBy::Document,
            },
            min_score: self.min_score,
            offset: self.offset,
            deadline_ms: self.deadline_ms,
            limit: self.limit.unwrap_or(usual.limit),
            batch: self.batch.map_or(usual.batch, |batch| batch as usize),
        })
    }
}

pub async fn run(options: Options) -> Result<ExitCode, Failure> {
    let index = documents::open(&options.index).await?;
    let asked = options.asked.options()?;
    let question = &options.question;
    let (result, ms, backend) = if asked.mode == Mode::Keyword {
        let start = Instant::now();
        let result = index.snapshot().search_words(question, &asked).await?;
        (result, start.elapsed().as_secs_f64() * 1e3, None)
    } else {
        let encoder = model::open(options.device.choice()).await?;
        let start = Instant::now();
        let result = index.search(&encoder, question, &asked).await?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        model::note_loss(&encoder);
        (result, ms, Some(encoder.info().clone()))
    };
    if options.json {
        let mut answer = hits::result_json(&result);
        answer["question"] = json!(question);
        answer["stats"]["ms"] = json!(ms);
        answer["stats"]["backend"] = json!(backend);
        output::json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    for (rank, hit) in result.hits.iter().enumerate() {
        out!(
            "{}. {}  score {:.3}{}",
            asked.offset + rank + 1,
            hits::address(hit),
            hit.score,
            if hit.why.estimated {
                " (estimated)"
            } else {
                ""
            }
        );
        for line in hit.text.lines() {
            out!("   {line}");
        }
        out!("");
    }
    if result.hits.is_empty() {
        out!(
            "nothing found: {} could be",
            output::count(result.eligible, "passage")
        );
    }
    if result.left_out.any() {
        eprintln!("left out for want of time: {}", left_out(&result.left_out));
    }
    if result.stats.damaged > 0 {
        eprintln!(
            "{} could not be read: run `gossamer verify`",
            output::count(result.stats.damaged, "chunk")
        );
    }
    output::note(format_args!(
        "{ms:.0} ms on {}: {} read, {} recomputed in {}",
        backend.map_or("no model".to_owned(), |b| b.name),
        output::count(result.stats.codes_read, "code"),
        output::count(result.stats.recomputed, "embedding"),
        output::count(result.stats.rounds, "round")
    ));
    Ok(ExitCode::SUCCESS)
}

fn left_out(left_out: &LeftOut) -> String {
    let mut parts = Vec::new();
    if left_out.passages > 0 {
        parts.push(output::count(left_out.passages, "passage"));
    }
    if left_out.text > 0 {
        parts.push(format!("the words of {}", output::size(left_out.text)));
    }
    if left_out.question {
        parts.push("the meaning of the question".into());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    /// The names of all options. A new one does not compile until it is named here.
    macro_rules! names {
        ($($name:ident),*) => {{
            let SearchOptions { $($name: _),* } = SearchOptions::default();
            [$(stringify!($name)),*]
        }};
    }

    #[test]
    fn every_search_option_is_there_on_the_command_line_in_typescript_and_in_the_documentation() {
        let names = names![
            k,
            recall,
            mode,
            filter,
            group_by,
            min_score,
            offset,
            deadline_ms,
            limit,
            batch
        ];
        let command = Asked::augment_args(clap::Command::new("search"));
        let mut flags: Vec<&str> = command
            .get_arguments()
            .map(|a| a.get_id().as_str())
            .collect();
        flags.sort_unstable();
        let mut expected = names.to_vec();
        expected.sort_unstable();
        assert_eq!(flags, expected);

        let types = include_str!("../../../pkg/src/index.d.ts");
        let start = types.find("export interface SearchOptions").unwrap();
        let body = &types[start..start + types[start..].find("\n}").unwrap()];
        let fields = body.lines().filter_map(|line| line.trim().split_once("?:"));
        let fields: Vec<&str> = fields.map(|(name, _)| name).collect();
        let documentation = include_str!("../../../docs/search.md");
        for name in names {
            let mut parts = name.split('_');
            let mut camel = parts.next().unwrap().to_owned();
            for part in parts {
                camel.push_str(&part[..1].to_uppercase());
                camel.push_str(&part[1..]);
            }
            assert!(fields.contains(&camel.as_str()), "{camel} in {fields:?}");
            let kebab = name.replace('_', "-");
            for word in [name, &camel, &kebab] {
                assert!(
                    documentation.contains(&format!("`{word}`"))
                        || documentation.contains(&format!("`--{word}`")),
                    "{word}"
                );
            }
        }
    }
}

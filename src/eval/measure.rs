//! Asking all questions.

use std::fmt;
use std::time::Instant;

use super::files::{Data, dot};
use super::setup::Built;
use super::{Bytes, Error, Gold, Layout, Options};
use crate::codec::Scorer;
use crate::graph::{Ending, Scratch};
use crate::search::{Cache, Candidate, Hit, Leann, LeannOptions, Rule, Search, Step};

/// Candidates handed to the stop rule: enough that it, not their number, ends a search.
const CANDIDATES: usize = 512;
/// Values of LEANN's `ef` that are tried, from small to large.
const EFS: [usize; 16] = [
    3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256,
];

/// What an evaluation found.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Report {
    /// How it was searched.
    pub layout: Layout,
    /// Passages.
    pub n: usize,
    /// Questions.
    pub queries: usize,
    /// Hits per question.
    pub k: usize,
    /// Recall aimed at.
    pub target_recall: f32,
    /// Recall reached: share of the true `k` nearest that were among the hits.
    pub recall: f64,
    /// Embeddings recomputed per question.
    pub recomputed_mean: f64,
    /// The same, 95th percentile.
    pub recomputed_p95: usize,
    /// Batches of them, one depending on the other, per question.
    pub rounds_mean: f64,
    /// Codes scored per question.
    pub codes_read_mean: f64,
    /// LEANN only: the `ef` used for questions of even and of odd number, each chosen on the other half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ef: Option<[usize; 2]>,
    /// What is persisted besides the text.
    pub bytes: Bytes,
    /// Whether `chunks` and `documents` are estimated for want of the texts.
    pub estimated: bool,
    /// The total, per passage.
    pub bytes_per_passage: f64,
    /// The total, relative to the text; absent if its size is unknown.
    pub share_of_text: Option<f64>,
    /// Coding the vectors and building the graph.
    pub build_seconds: f64,
    /// A question without the model, median, in milliseconds.
    pub query_ms_p50: f64,
    /// How often the passage a question was asked about is found; absent without the questions' texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gold: Option<Gold>,
}

/// One question's outcome.
#[derive(Clone, Copy)]
struct Outcome {
    found: usize,
    of: usize,
    recomputed: usize,
    rounds: usize,
    codes_read: usize,
    milliseconds: f64,
}

pub(super) fn measure(options: &Options, data: &Data, built: &Built) -> Result<Report, Error> {
    let mut asked = Asked {
        options,
        data,
        built,
        scratch: Scratch::default(),
        estimates: Vec::new(),
        cache: Cache::new(options.cache),
    };
    let all: Vec<usize> = (0..data.truth.len()).collect();
    let (outcomes, ef) = match options.layout {
        Layout::Graph | Layout::Flat => (asked.adaptive(&all)?, None),
        Layout::Leann | Layout::LeannNocodes => {
            let (outcomes, ef) = asked.calibrated(&all)?;
            (outcomes, Some(ef))
        }
    };
    Ok(report(options, data, built, &outcomes, ef))
}

fn report(
    options: &Options,
    data: &Data,
    built: &Built,
    outcomes: &[Outcome],
    ef: Option<[usize; 2]>,
) -> Report {
    let m = outcomes.len().max(1);
    let mean = |f: fn(&Outcome) -> usize| outcomes.iter().map(f).sum::<usize>() as f64 / m as f64;
    let mut recomputed: Vec<usize> = outcomes.iter().map(|o| o.recomputed).collect();
    recomputed.sort_unstable();
    let mut times: Vec<f64> = outcomes.iter().map(|o| o.milliseconds).collect();
    times.sort_unstable_by(f64::total_cmp);
    let known = data.documents.as_ref().and_then(|all| {
        let lengths = all.iter().map(|(_, length)| length.map(u64::from));
        lengths.sum::<Option<u64>>()
    });
    let text_bytes = options.text_bytes.or(known);
    Report {
        layout: options.layout,
        n: data.len(),
        queries: outcomes.len(),
        k: options.k,
        target_recall: options.target_recall,
        recall: recall(outcomes),
        recomputed_mean: mean(|o| o.recomputed),
        recomputed_p95: recomputed.get(m * 95 / 100).copied().unwrap_or(0),
        rounds_mean: mean(|o| o.rounds),
        codes_read_mean: mean(|o| o.codes_read),
        ef,
        bytes: built.bytes,
        estimated: built.estimated,
        bytes_per_passage: built.bytes.total as f64 / data.len().max(1) as f64,
        share_of_text: text_bytes
            .filter(|&bytes| bytes > 0)
            .map(|bytes| built.bytes.total as f64 / bytes as f64),
        build_seconds: built.seconds,
        query_ms_p50: times.get(m / 2).copied().unwrap_or(0.0),
        gold: None,
    }
}

fn recall(outcomes: &[Outcome]) -> f64 {
    let found: usize = outcomes.iter().map(|o| o.found).sum();
    let of: usize = outcomes.iter().map(|o| o.of).sum();
    if of == 0 {
        1.0
    } else {
        found as f64 / of as f64
    }
}

/// All that asking needs.
struct Asked<'a> {
    options: &'a Options,
    data: &'a Data,
    built: &'a Built,
    scratch: Scratch,
    estimates: Vec<f32>,
    cache: Cache<u32>,
}

impl<'a> Asked<'a> {
    fn query(&self, question: usize) -> &'a [f32] {
        let dim = self.data.dim;
        &self.data.queries[question * dim..][..dim]
    }

    /// What a model would say.
    fn exact(&self, question: usize, id: u32) -> f32 {
        let dim = self.data.dim;
        dot(
            self.query(question),
            &self.data.vectors[id as usize * dim..][..dim],
        )
    }

    /// Exact scores of what a search asks for, and how many of them had to be recomputed.
    fn recompute(&mut self, question: usize, ids: &[u32]) -> (Vec<f32>, usize) {
        let dim = self.data.dim;
        let mut recomputed = 0;
        for &id in ids {
            if self.cache.get(&id).is_none() {
                recomputed += 1;
                let row = &self.data.vectors[id as usize * dim..][..dim];
                self.cache.put(id, row.into());
            }
        }
        let scores = ids.iter().map(|&id| self.exact(question, id)).collect();
        (scores, recomputed)
    }

    fn found(&self, question: usize, hits: &[Hit]) -> usize {
        let truth = &self.data.truth[question];
        truth
            .iter()
            .filter(|&&id| hits.iter().any(|hit| hit.id == id))
            .count()
    }

    /// The two layouts that search with the stop rule, which is calibrated by the codec and not here.
    fn adaptive(&mut self, questions: &[usize]) -> Result<Vec<Outcome>, Error> {
        let mut outcomes = Vec::with_capacity(questions.len());
        for &question in questions {
            let start = Instant::now();
            let scorer = self.built.coder.scorer(self.query(question))?;
            let (candidates, codes_read) = self.candidates(&scorer);
            let scored = candidates.iter().map(|c| (c.score, c.id));
            let gain = |id| self.built.codes.gain(id);
            let prior = self.built.coder.prior().for_best(scored, gain);
            let mut rule = Rule::new(self.options.target_recall, prior)?;
            if let Some(batch) = self.options.batch {
                rule = rule.batch(batch);
            }
            if let Some(limit) = self.options.limit {
                rule = rule.limit(limit);
            }
            let mut search = Search::new(candidates, self.options.k, rule)?;
            let mut recomputed = 0;
            while let Step::Embed(ids) = search.step() {
                let (scores, new) = self.recompute(question, ids);
                recomputed += new;
                search.feed(&scores)?;
            }
            outcomes.push(Outcome {
                found: self.found(question, search.hits()),
                of: self.data.truth[question].len(),
                recomputed,
                rounds: search.rounds(),
                codes_read,
                milliseconds: start.elapsed().as_secs_f64() * 1e3,
            });
        }
        Ok(outcomes)
    }

    fn candidates(&mut self, scorer: &Scorer) -> (Vec<Candidate>, usize) {
        let codes = &self.built.codes;
        if self.options.layout == Layout::Flat {
            scorer.score_all(codes, &mut self.estimates);
            let mut best: Vec<Candidate> = (0..)
                .zip(&self.estimates)
                .map(|(id, &score)| Candidate { id, score })
                .collect();
            let read = best.len();
            if read > CANDIDATES {
                best.select_nth_unstable_by(CANDIDATES, |a, b| b.score.total_cmp(&a.score));
                best.truncate(CANDIDATES);
            }
            return (best, read);
        }
        let prior = self.built.coder.prior();
        let spread = prior.for_gain(codes.mean_gain()).spread;
        let target = self.options.target_recall;
        let ending = Ending::for_codes(self.options.k, CANDIDATES, spread, target);
        let score = |id| scorer.score(codes, id);
        let graph = &self.built.graph;
        let found = graph.walk(score, |_| true, ending, &mut self.scratch);
        let candidate = |c: &crate::graph::Candidate| Candidate {
            id: c.id,
            score: c.score,
        };
        let found = found.iter().map(candidate).collect();
        (found, self.scratch.codes_read())
    }

    /// LEANN's layouts have no rule but `ef`: the smallest that reaches the target on the questions of the other
    /// half.
    fn calibrated(&mut self, questions: &[usize]) -> Result<(Vec<Outcome>, [usize; 2]), Error> {
        let halves: [Vec<usize>; 2] = [0, 1].map(|half| {
            questions
                .iter()
                .copied()
                .filter(|q| q % 2 == half)
                .collect()
        });
        let mut chosen = [0; 2];
        for (half, other) in [(0, 1), (1, 0)] {
            // A single question has no other half to be calibrated on.
            let other = if halves[other].is_empty() {
                &halves[half]
            } else {
                &halves[other]
            };
            for ef in EFS
                .into_iter()
                .filter(|&ef| ef >= self.options.k)
                .chain([512])
            {
                chosen[half] = ef;
                if recall(&self.leann(other, ef)?) >= f64::from(self.options.target_recall) {
                    break;
                }
            }
        }
        self.cache = Cache::new(self.options.cache);
        let mut outcomes = self.leann(&halves[0], chosen[0])?;
        outcomes.extend(self.leann(&halves[1], chosen[1])?);
        Ok((outcomes, chosen))
    }

    fn leann(&mut self, questions: &[usize], ef: usize) -> Result<Vec<Outcome>, Error> {
        let options = LeannOptions {
            k: self.options.k,
            ef,
            ratio: self.options.ratio,
            batch: self.options.batch.unwrap_or(1),
        };
        let coded = self.options.layout == Layout::Leann;
        let mut outcomes = Vec::with_capacity(questions.len());
        for &question in questions {
            let start = Instant::now();
            let outcome = if coded {
                let scorer = self.built.coder.scorer(self.query(question))?;
                let built = self.built;
                let estimate = |id| scorer.score(&built.codes, id);
                let search = Leann::new(&built.graph, estimate, options)?;
                self.drive(question, search)?
            } else {
                let search = Leann::without_codes(&self.built.graph, options)?;
                Outcome {
                    codes_read: 0,
                    ..self.drive(question, search)?
                }
            };
            outcomes.push(Outcome {
                milliseconds: start.elapsed().as_secs_f64() * 1e3,
                ..outcome
            });
        }
        Ok(outcomes)
    }

    fn drive<F: FnMut(u32) -> f32>(
        &mut self,
        question: usize,
        mut search: Leann<'_, F>,
    ) -> Result<Outcome, Error> {
        let mut recomputed = 0;
        while let Step::Embed(ids) = search.step()? {
            let (scores, new) = self.recompute(question, ids);
            recomputed += new;
            search.feed(&scores)?;
        }
        Ok(Outcome {
            found: self.found(question, search.hits()),
            of: self.data.truth[question].len(),
            recomputed,
            rounds: search.rounds(),
            codes_read: search.estimates(),
            milliseconds: 0.0,
        })
    }
}

/// For people; the JSON has the same.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = &self.bytes;
        writeln!(
            f,
            "{} passages, {} questions: recall@{} {:.4} (target {:.2})",
            self.n, self.queries, self.k, self.recall, self.target_recall
        )?;
        writeln!(
            f,
            "recomputed {:.1} (p95 {}) in {:.2} rounds, {:.0} codes read, {:.3} ms without the model",
            self.recomputed_mean,
            self.recomputed_p95,
            self.rounds_mean,
            self.codes_read_mean,
            self.query_ms_p50
        )?;
        write!(
            f,
            "{:.2} bytes per passage: codes {}, graph {}, chunks {}, documents {}, codebooks {}",
            self.bytes_per_passage, b.codes, b.graph, b.chunks, b.documents, b.codebooks
        )?;
        if self.estimated {
            write!(f, " (chunks and documents estimated)")?;
        }
        if let Some(share) = self.share_of_text {
            write!(f, "; {:.2} % of the text", share * 100.0)?;
        }
        write!(f, "; built in {:.2} s", self.build_seconds)?;
        let Some(gold) = &self.gold else {
            return Ok(());
        };
        write!(
            f,
            "\ngold passage of {} questions at 1, 3, 10",
            gold.questions
        )?;
        for (mode, found) in [
            ("keyword", gold.keyword),
            ("semantic", gold.semantic),
            ("hybrid", gold.hybrid),
        ] {
            write!(
                f,
                "\n  {mode}: {:.3}, {:.3}, {:.3} ({:.1} recomputed in {:.2} rounds)",
                found.recall_at_1,
                found.recall_at_3,
                found.recall_at_10,
                found.recomputed_mean,
                found.rounds_mean
            )?;
        }
        Ok(())
    }
}

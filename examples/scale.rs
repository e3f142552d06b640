//! A graph over many chunks: time, memory, bytes, and how the codes read and the recall of the walk grow.
//!
//!     scale 100000 1000000                                            # synthetic: orthogonal topics
//!     scale --like PASSAGES.npy TITLES.txt QUESTIONS.npy 100000       # synthetic: like real ones
//!
//! More: `--params FORWARD,REVERSE,EF,ENTRIES`, `--slack SLACK`, `--insert SHARE` (the graph is built without the last
//! share of the chunks, then these are inserted: only that is timed), `--json`, `--export FILE.npy` (nothing is measured:
//! the chunks are written as f16, for other programs). Chunks are made from their number, coded, and dropped,
//! so that memory is what an index of that size needs.

use std::error::Error;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::time::Instant;

use gossamer::codec::Codec;
use gossamer::graph::{CodeSpace, Ending, Graph, Params, Scratch, build};

#[path = "support/like.rs"]
mod like;
#[path = "support/npy.rs"]
mod npy;

use like::Like;

const DIM: usize = 384;
const PER_DOCUMENT: usize = 40;
const QUESTIONS: usize = 200;
/// Hits per question.
const K: usize = 10;

/// Where chunks and questions come from.
enum Source {
    Topics,
    Like(Like),
}

/// Numbers between -1 and 1 (SplitMix64).
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// A chunk: a topic shared by many documents, a document, and its own part, with falling variance by axis.
fn topic_chunk(id: usize, own: f32) -> Vec<f32> {
    let document = id / PER_DOCUMENT;
    let mut parts = [
        (0.7, noise(1 + (document % 997) as u64)),
        (0.7, noise(1_000_000 + document as u64)),
        (1.0, noise(1_000_000_000 + id as u64)),
        (own, noise(2_000_000_000 + id as u64)),
    ];
    let mut row: Vec<f32> = (0..DIM)
        .map(|axis| {
            let scale = 1.0 / (1.0 + axis as f32 / 24.0).sqrt();
            scale
                * parts
                    .iter_mut()
                    .map(|(weight, next)| *weight * next())
                    .sum::<f32>()
        })
        .collect();
    let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.iter_mut().for_each(|x| *x /= norm);
    row
}

impl Source {
    /// The documents of a corpus of `count` chunks, one after the other.
    fn documents(&self, count: usize, mut each: impl FnMut(&[f32])) {
        let mut at = 0;
        while at < count {
            let length = match self {
                Self::Topics => PER_DOCUMENT,
                Self::Like(like) => like.document_at(at),
            };
            let rows: Vec<f32> = (at..count.min(at + length))
                .flat_map(|id| match self {
                    Self::Topics => topic_chunk(id, 0.0),
                    Self::Like(like) => like.chunk(id),
                })
                .collect();
            each(&rows);
            at += length;
        }
    }

    fn questions(&self, count: usize) -> Vec<Vec<f32>> {
        match self {
            Self::Topics => (0..QUESTIONS)
                .map(|q| topic_chunk(q * (count / QUESTIONS).max(1), 0.6))
                .collect(),
            Self::Like(like) => like.questions(),
        }
    }
}

struct Settings {
    params: Params,
    slack: Option<f32>,
    insert: f64,
    json: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut source = Source::Topics;
    let mut settings = Settings {
        params: Params::default(),
        slack: None,
        insert: 0.0,
        json: false,
    };
    let mut target: Option<String> = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or("a value is missing");
        match arg.as_str() {
            "--like" => source = Source::Like(Like::read(&value()?, &value()?, &value()?)?),
            "--params" => {
                let values = value()?;
                let values: Vec<usize> = values
                    .split(',')
                    .map(str::parse)
                    .collect::<Result<_, _>>()?;
                let [forward, reverse, ef, entries] = values[..] else {
                    return Err("four values".into());
                };
                settings.params = Params {
                    forward,
                    reverse,
                    ef,
                    entries,
                    ..Params::default()
                };
            }
            "--slack" => settings.slack = Some(value()?.parse()?),
            "--insert" => settings.insert = value()?.parse()?,
            "--json" => settings.json = true,
            "--export" => target = Some(value()?),
            count => match &target {
                Some(path) => export(&source, path, count.parse()?)?,
                None => run(&source, &settings, count.parse()?)?,
            },
        }
    }
    Ok(())
}

/// Writes chunks as an f16 NumPy matrix.
fn export(source: &Source, path: &str, count: usize) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    let head = format!("{{'descr': '<f2', 'fortran_order': False, 'shape': ({count}, {DIM}), }}");
    // Magic, version and length are ten bytes; all of it is a multiple of 64 and ends a line.
    let length = (head.len() + 11).next_multiple_of(64) - 10;
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&u16::try_from(length)?.to_le_bytes())?;
    writeln!(file, "{head:width$}", width = length - 1)?;
    let mut failed = None;
    source.documents(count, |rows| {
        let bytes: Vec<u8> = rows
            .iter()
            .flat_map(|&x| half::f16::from_f32(x).to_le_bytes())
            .collect();
        failed = failed.take().or(file.write_all(&bytes).err());
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    Ok(file.flush()?)
}

fn run(source: &Source, settings: &Settings, count: usize) -> Result<(), Box<dyn Error>> {
    let codec = Codec::bundled()?;
    let mut first: Vec<f32> = Vec::new();
    source.documents(2000.min(count), |rows| first.extend_from_slice(rows));
    let coder = codec.coder(&codec.fit(&first, Codec::CODE_BYTES)?)?;
    drop(first);
    let start = Instant::now();
    let mut codes = coder.codes();
    let mut failed = None;
    source.documents(count, |rows| {
        failed = failed.take().or(coder.encode(rows, &mut codes).err());
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    let coded = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let mut told = 0;
    let progress = |done: usize, all: usize| {
        if done * 10 / all > told {
            told = done * 10 / all;
            eprintln!("{done} of {all}, {:.0} s", start.elapsed().as_secs_f64());
        }
        ControlFlow::Continue(())
    };
    let space = CodeSpace::new(&coder, &codes);
    let (graph, built) = if settings.insert > 0.0 {
        let old = (count as f64 * (1.0 - settings.insert)) as u32;
        let old = codes.retain(|id| id < old);
        let old = build(&CodeSpace::new(&coder, &old), &settings.params, progress)?.freeze();
        let start = Instant::now();
        let mut draft = old.thaw(settings.params);
        draft.insert(&space, |_, _| ControlFlow::Continue(()))?;
        (draft.freeze(), start.elapsed().as_secs_f64())
    } else {
        let graph = build(&space, &settings.params, progress)?.freeze();
        (graph, start.elapsed().as_secs_f64())
    };
    drop(space);
    let bytes = graph.to_bytes();
    let start = Instant::now();
    let read = Graph::from_bytes(&bytes, count)?;
    let opened = start.elapsed().as_secs_f64();
    let n = count as f64;
    let degree = 2.0 * graph.edges() as f64 / n;
    let per_chunk = bytes.len() as f64 / n;
    let code_bytes = codes.to_bytes().len() as f64 / n;
    let in_memory = graph.memory() as f64 / n;
    let peak = peak_mib().unwrap_or_default();

    let mut ending = Ending::for_codes(K, 512, coder.prior().spread, 0.95);
    ending.slack = settings.slack.unwrap_or(ending.slack);
    let mut scratch = Scratch::default();
    let (mut found, mut read_codes, mut times, mut all) = (0, 0, Vec::new(), Vec::new());
    let (mut scan, mut lost, mut tenth) = (0.0, 0, 0.0);
    let questions = source.questions(count);
    let k = K.min(count);
    for query in &questions {
        let scorer = coder.scorer(query)?;
        let start = Instant::now();
        scorer.score_all(&codes, &mut all);
        scan += start.elapsed().as_secs_f64() * 1e3;
        let mut best: Vec<u32> = (0..count as u32).collect();
        let order = |a: &u32, b: &u32| all[*b as usize].total_cmp(&all[*a as usize]);
        if k < count {
            best.select_nth_unstable_by(k, order);
            tenth += f64::from(all[best[k] as usize]);
            best.truncate(k);
        }
        let start = Instant::now();
        let score = |id| scorer.score(&codes, id);
        let walked = read.walk(score, |_| true, ending, &mut scratch);
        times.push(start.elapsed().as_secs_f64() * 1e3);
        let here = walked
            .iter()
            .take(k)
            .filter(|c| best.contains(&c.id))
            .count();
        found += here;
        lost += usize::from(here * 2 < k);
        read_codes += scratch.codes_read();
    }
    times.sort_by(f64::total_cmp);
    let m = questions.len();
    let found = found as f64 / (m * k) as f64;
    let walk = times[m / 2];
    let (scan, tenth) = (scan / m as f64, tenth / m as f64);
    let Params {
        forward,
        reverse,
        ef,
        ..
    } = settings.params;
    if settings.json {
        let kind = match source {
            Source::Topics => "orthogonal topics",
            Source::Like(_) => "like SQuAD",
        };
        println!(
            "{{\"n\":{count},\"data\":\"{kind}\",\"forward\":{forward},\"reverse\":{reverse},\"ef\":{ef},\
             \"code_seconds\":{coded:.2},\"graph_seconds\":{built:.2},\"open_seconds\":{opened:.3},\
             \"degree\":{degree:.2},\"graph_bytes\":{per_chunk:.3},\"code_bytes\":{code_bytes:.3},\
             \"memory_bytes\":{in_memory:.2},\"peak_mib\":{peak},\"found\":{found:.4},\
             \"codes_read\":{},\"walk_ms\":{walk:.4},\"scan_ms\":{scan:.4}}}",
            read_codes / m
        );
        return Ok(());
    }
    println!(
        "{count} chunks, forward {forward}, reverse {reverse}, ef {ef}: coded in {coded:.1} s, graph in {built:.1} s, opened in {opened:.2} s; \
         degree {degree:.1}, {per_chunk:.2} bytes per chunk stored, {in_memory:.2} in memory; peak {peak} MiB"
    );
    println!(
        "  walk: {found:.4} of the {K} best by code, under half of them for {lost} of {m} questions, {} codes read, \
         {walk:.3} ms (p50); scan {scan:.3} ms (mean); {K}th best {tenth:.4}",
        read_codes / m
    );
    Ok(())
}

/// Peak resident memory, where Linux tells it.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

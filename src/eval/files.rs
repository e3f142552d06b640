//! Reading NumPy arrays and the list of documents.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use npyz::{NpyFile, Order};
use zip::ZipArchive;

use super::{Error, Options};

/// What an evaluation works on.
pub(super) struct Data {
    pub dim: usize,
    /// `n * dim` values.
    pub vectors: Vec<f32>,
    /// `m * dim` values.
    pub queries: Vec<f32>,
    /// The `k` true neighbours of every question, best first; fewer only if there are fewer passages.
    pub truth: Vec<Vec<u32>>,
    /// Per passage its document's name and the bytes of its text, if these are known.
    pub documents: Option<Vec<(String, Option<u32>)>>,
}

impl Data {
    pub(super) fn read(options: &Options) -> Result<Self, Error> {
        let (mut vectors, dim) = matrix(&options.vectors)?;
        let (queries, query_dim) = matrix(&options.queries)?;
        if dim != query_dim {
            return Err(Error::Mismatch(format!(
                "passages have {dim} dimensions, questions {query_dim}: they are of different models"
            )));
        }
        let stored = vectors.len() / dim;
        let n = options.passages.map_or(stored, |n| n.min(stored));
        vectors.truncate(n * dim);
        if let Some(bad) = vectors.iter().chain(&queries).position(|v| !v.is_finite()) {
            return Err(Error::Mismatch(format!(
                "value {bad} of the vectors is not finite"
            )));
        }
        let m = queries.len() / dim;
        if m == 0 {
            return Err(Error::Mismatch("there are no questions".into()));
        }
        let given = options.truth.as_ref().filter(|_| n == stored);
        let truth = match given {
            Some(path) => truth(path, m, n, options.k)?,
            None => exact(&vectors, &queries, dim, options.k),
        };
        let documents = match &options.documents {
            Some(path) => Some(documents(path, stored)?),
            None => None,
        };
        Ok(Self {
            dim,
            vectors,
            queries,
            truth,
            documents: documents.map(|mut all| {
                all.truncate(n);
                all
            }),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.vectors.len() / self.dim
    }
}

fn failed(path: &Path, why: impl ToString) -> Error {
    Error::File {
        path: path.display().to_string(),
        why: why.to_string(),
    }
}

fn open(path: &Path) -> Result<BufReader<File>, Error> {
    File::open(path)
        .map(BufReader::new)
        .map_err(|e| failed(path, e))
}

/// A matrix of half or single precision, and its columns.
fn matrix(path: &Path) -> Result<(Vec<f32>, usize), Error> {
    let npy = NpyFile::new(open(path)?).map_err(|e| failed(path, e))?;
    let columns = columns(path, &npy)?;
    let read = match npy.try_data::<half::f16>() {
        Ok(halves) => halves.map(|v| v.map(half::f16::to_f32)).collect(),
        Err(npy) => match npy.try_data::<f32>() {
            Ok(singles) => singles.collect(),
            Err(_) => return Err(failed(path, "float16 or float32 values are needed")),
        },
    };
    let values: std::io::Result<Vec<f32>> = read;
    Ok((values.map_err(|e| failed(path, e))?, columns))
}

fn columns<R: Read>(path: &Path, npy: &NpyFile<R>) -> Result<usize, Error> {
    match *npy.shape() {
        [_, columns] if columns > 0 && npy.order() == Order::C => {
            usize::try_from(columns).map_err(|e| failed(path, e))
        }
        _ => Err(failed(path, "a matrix in C order is needed")),
    }
}

fn truth(path: &Path, m: usize, n: usize, k: usize) -> Result<Vec<Vec<u32>>, Error> {
    let (ids, columns) = if path.extension().is_some_and(|e| e == "npz") {
        // An .npz file is a zip archive of .npy files.
        let mut archive = ZipArchive::new(open(path)?).map_err(|e| failed(path, e))?;
        let ids = archive
            .by_name("ids.npy")
            .map_err(|e| failed(path, format!("array `ids`: {e}")))?;
        integers(path, NpyFile::new(ids).map_err(|e| failed(path, e))?)?
    } else {
        integers(
            path,
            NpyFile::new(open(path)?).map_err(|e| failed(path, e))?,
        )?
    };
    if ids.len() != m * columns || columns < k.min(n) {
        return Err(failed(
            path,
            format!("{m} rows of at least {} ids are needed", k.min(n)),
        ));
    }
    let row = |row: &[i64]| -> Result<Vec<u32>, Error> {
        let ids = row.iter().take(k).map(|&id| u32::try_from(id));
        let ids: Vec<u32> = ids.collect::<Result<_, _>>().map_err(|e| failed(path, e))?;
        if ids.iter().any(|&id| id as usize >= n) {
            return Err(failed(path, "an id is not one of the passages"));
        }
        Ok(ids)
    };
    ids.chunks_exact(columns).map(row).collect()
}

fn integers<R: Read>(path: &Path, npy: NpyFile<R>) -> Result<(Vec<i64>, usize), Error> {
    let columns = columns(path, &npy)?;
    let read: std::io::Result<Vec<i64>> = match npy.try_data::<i32>() {
        Ok(ids) => ids.map(|id| id.map(i64::from)).collect(),
        Err(npy) => match npy.try_data::<i64>() {
            Ok(ids) => ids.collect(),
            Err(_) => return Err(failed(path, "int32 or int64 ids are needed")),
        },
    };
    Ok((read.map_err(|e| failed(path, e))?, columns))
}

/// Exact search by inner product; ties go to the smaller id.
pub(super) fn exact(vectors: &[f32], queries: &[f32], dim: usize, k: usize) -> Vec<Vec<u32>> {
    let best = |query: &[f32]| {
        let rows = vectors.chunks_exact(dim);
        let mut all: Vec<(f32, u32)> = rows.map(|row| dot(query, row)).zip(0..).collect();
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if k < all.len() {
            all.select_nth_unstable_by(k, order);
            all.truncate(k);
        }
        all.sort_unstable_by(order);
        all.into_iter().map(|(_, id)| id).collect()
    };
    queries.chunks_exact(dim).map(best).collect()
}

/// Inner product, in lanes so that the compiler can use SIMD.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    crate::graph::dot(a, b)
}

/// A file of lines, which may be compressed.
pub(super) fn lines(path: &Path) -> Result<String, Error> {
    let read = if path.extension().is_some_and(|e| e == "gz") {
        let mut text = String::new();
        let mut inflated = MultiGzDecoder::new(open(path)?);
        inflated.read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    read.map_err(|e| failed(path, e))
}

fn documents(path: &Path, n: usize) -> Result<Vec<(String, Option<u32>)>, Error> {
    let lines: Vec<_> = lines(path)?.lines().map(document).collect();
    if lines.len() == n {
        Ok(lines)
    } else {
        let why = format!("it has {} lines for {n} passages", lines.len());
        Err(failed(path, why))
    }
}

fn document(line: &str) -> (String, Option<u32>) {
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(line) else {
        return (line.to_owned(), None);
    };
    let name = match object.get("title").or(object.get("id")) {
        Some(serde_json::Value::String(name)) => name.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let text = object.get("text").and_then(|text| text.as_str());
    (name, text.and_then(|text| u32::try_from(text.len()).ok()))
}

//! The JSON endpoints. `docs/server.md` describes each with its fields, limits and errors.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use gossamer::index::{Added, Document};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Instant;

use super::reply::Problem;
use crate::documents::stats_json;
use crate::engine::{Engine, Question};
use crate::hits;

/// Most documents in one request.
const DOCUMENTS: usize = 1_000;

/// Most entries of one page of the list.
const LIST: usize = 1_000;

/// What the endpoints share.
#[derive(Clone)]
pub struct Api {
    pub engine: Engine,
    /// Whether documents may be added and removed.
    pub writable: bool,
    /// Whether the whole page is served, too.
    pub page: bool,
}

type Answer = Result<Json<Value>, Problem>;

/// All endpoints below `/api`; a body may have so many bytes.
pub fn router(api: Api, body: usize) -> Router {
    Router::new()
        .route("/api/health", get(health))
        .route("/api/stats", get(stats))
        .route("/api/search", get(search_by_query).post(search))
        .route("/api/documents", get(list).post(add))
        .route("/api/documents/{*id}", get(document).delete(remove))
        .layer(DefaultBodyLimit::max(body))
        .with_state(api)
}

/// Answers without the queue, so that it says how full it is.
async fn health(State(api): State<Api>) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "backend": api.engine.backend(),
        "waiting": api.engine.waiting(),
        "writable": api.writable,
        "page": api.page,
    }))
}

async fn stats(State(api): State<Api>) -> Answer {
    Ok(Json(stats_json(&api.engine.stats().await?)))
}

async fn search(State(api): State<Api>, question: Result<Json<Question>, JsonRejection>) -> Answer {
    let Json(question) = question?;
    answer(&api, question).await
}

async fn search_by_query(
    State(api): State<Api>,
    question: Result<Query<Question>, QueryRejection>,
) -> Answer {
    let Query(question) = question?;
    answer(&api, question).await
}

async fn answer(api: &Api, question: Question) -> Answer {
    let (question, options) = question.check().map_err(Problem::bad_request)?;
    let start = Instant::now();
    let result = api.engine.search(question, options).await?;
    let mut answer = hits::result_json(&result);
    answer["stats"]["ms"] = json!(start.elapsed().as_secs_f64() * 1e3);
    Ok(Json(answer))
}

#[derive(Deserialize)]
struct Paging {
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

async fn list(State(api): State<Api>, paging: Result<Query<Paging>, QueryRejection>) -> Answer {
    let Query(paging) = paging?;
    let limit = paging.limit.unwrap_or(LIST).min(LIST);
    let all = api.engine.list().await?;
    let page: Vec<Value> = all
        .iter()
        .skip(paging.offset)
        .take(limit)
        .map(|d| {
            json!({
                "document": d.id,
                "title": d.title,
                "metadata": hits::metadata(&d.metadata),
                "chunks": d.chunks,
                "text_bytes": d.text_bytes,
            })
        })
        .collect();
    Ok(Json(
        json!({"total": all.len(), "offset": paging.offset, "documents": page}),
    ))
}

#[derive(Deserialize)]
struct Part {
    /// First byte of the text wanted.
    #[serde(default)]
    start: usize,
    /// One past the last.
    end: Option<usize>,
}

async fn document(
    State(api): State<Api>,
    Path(id): Path<String>,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer {
    let Query(part) = part?;
    let found = api.engine.document(id.clone()).await?;
    let document = found.ok_or_else(|| Problem::not_found(format!("no document {id}")))?;
    let end = part.end.unwrap_or(document.text.len());
    let text = document.text.get(part.start..end).ok_or_else(|| {
        Problem::bad_request(format!(
            "{}..{end} is not a piece of its {} bytes that begins and ends between characters",
            part.start,
            document.text.len()
        ))
    })?;
    Ok(Json(json!({
        "document": document.id,
        "title": document.title,
        "metadata": serde_json::from_str(&document.metadata).unwrap_or(Value::String(document.metadata)),
        "bytes": [part.start, end],
        "text": text,
        "text_bytes": document.text.len(),
    })))
}

/// A document as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    document: String,
    #[serde(default)]
    title: String,
    text: String,
    metadata: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    documents: Vec<Sent>,
}

fn writable(api: &Api) -> Result<(), Problem> {
    if api.writable {
        return Ok(());
    }
    let message = "this server only reads: it was started with --read-only";
    Err(Problem::new(StatusCode::FORBIDDEN, "read_only", message))
}

async fn add(
    State(api): State<Api>,
    batch: Result<Json<Batch>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    writable(&api)?;
    let Json(Batch { documents }) = batch?;
    if documents.is_empty() || documents.len() > DOCUMENTS {
        let message = format!("send 1 to {DOCUMENTS} documents, not {}", documents.len());
        return Err(Problem::bad_request(message));
    }
    if documents.iter().any(|d| d.document.is_empty()) {
        return Err(Problem::bad_request("a document needs an id in `document`"));
    }
    let ids: Vec<String> = documents.iter().map(|d| d.document.clone()).collect();
    let documents = documents.into_iter().map(Document::from).collect();
    let added = api.engine.add(documents).await?;
    let outcomes: Vec<Value> = ids
        .iter()
        .zip(&added)
        .map(|(id, added)| json!({"document": id, "outcome": outcome(*added)}))
        .collect();
    let any = added.iter().any(|a| *a != Added::Unchanged);
    let status = if any {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(json!({"documents": outcomes}))))
}

/// What adding came to, in one word.
pub fn outcome(added: Added) -> &'static str {
    match added {
        Added::New => "new",
        Added::Replaced => "replaced",
        Added::Unchanged => "unchanged",
    }
}

impl From<Sent> for Document {
    fn from(sent: Sent) -> Self {
        let metadata = sent.metadata.map(|m| Value::Object(m).to_string());
        Self {
            id: sent.document,
            title: sent.title,
            text: sent.text,
            metadata: metadata.unwrap_or_default(),
        }
    }
}

async fn remove(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    writable(&api)?;
    let removed = api.engine.remove(vec![id.clone()]).await?;
    if removed == [true] {
        return Ok(Json(json!({"removed": [id]})));
    }
    Err(Problem::not_found(format!("no document {id}")))
}

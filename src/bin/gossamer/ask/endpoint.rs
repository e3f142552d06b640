//! A chat model behind an OpenAI-compatible endpoint (Ollama, llama.cpp, vLLM and others), streaming.
//!
//! `POST {base}/chat/completions`; the answer comes as server-sent events, `data: {json}` each, ending with
//! `data: [DONE]`. No redirect is followed, so that passages and key reach the named server only.

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use crate::error::Failure;

/// A model may have to be loaded before its first word.
const SILENCE: Duration = Duration::from_secs(300);
const CONNECT: Duration = Duration::from_secs(10);

/// Bytes of one answer at most.
const LONGEST: u64 = 16 << 20;

/// The server and model that the user named.
#[derive(Debug)]
pub struct Endpoint {
    /// Such as `http://localhost:11434/v1`.
    pub base: String,
    /// The server's name of the model.
    pub model: String,
    pub key: Option<String>,
}

impl Endpoint {
    fn failed(&self, why: impl ToString) -> Failure {
        Failure::Endpoint {
            endpoint: self.base.clone(),
            why: why.to_string(),
        }
    }

    /// Whether it is on this machine, as far as its address says.
    pub fn is_local(&self) -> bool {
        let rest = self.base.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| {
            authority
                .strip_prefix(own)
                .is_some_and(|port| port.is_empty() || port.starts_with(':'))
        })
    }

    /// Asks, and passes on the answer as it comes; returns the whole.
    pub fn answer(
        &self,
        messages: &Value,
        mut heard: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<String, Failure> {
        let mut config = Agent::config_builder()
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .http_status_as_error(false)
            .max_redirects(0);
        if self.is_local() {
            config = config.proxy(None);
        }
        let agent: Agent = config.build().into();
        let url = format!("{}/chat/completions", self.base.trim_end_matches('/'));
        let mut request = agent.post(&url).header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let body = json!({"model": self.model, "messages": messages, "stream": true});
        let mut response = request.send(body.to_string()).map_err(|e| self.failed(e))?;
        let status = response.status();
        let reader = response.body_mut().as_reader().take(LONGEST);
        if !status.is_success() {
            let mut words = String::new();
            // Whatever of it can be read.
            let _ = reader.take(2_000).read_to_string(&mut words);
            return Err(self.failed(format!("{status}: {}", words.trim())));
        }
        self.events(BufReader::new(reader), &mut heard)
    }

    fn events(
        &self,
        lines: impl BufRead,
        heard: &mut impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<String, Failure> {
        let (mut answer, mut ended) = (String::new(), false);
        for line in lines.lines() {
            let line = line.map_err(|e| self.failed(e))?;
            // Comments and other fields of an event mean nothing here.
            let Some(data) = line.strip_prefix("data:").map(str::trim) else {
                continue;
            };
            if data == "[DONE]" {
                ended = true;
                break;
            }
            let event: Value =
                serde_json::from_str(data).map_err(|e| self.failed(format!("{e} in {data}")))?;
            if let Some(error) = event.get("error") {
                return Err(self.failed(error));
            }
            let choice = &event["choices"][0];
            ended |= choice["finish_reason"].is_string();
            if let Some(words) = choice["delta"]["content"].as_str() {
                answer.push_str(words);
                heard(words)?;
            }
        }
        if ended {
            return Ok(answer);
        }
        Err(self.failed("the answer broke off, or is no stream of chat events"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base: &str) -> Endpoint {
        Endpoint {
            base: base.into(),
            model: "m".into(),
            key: None,
        }
    }

    #[test]
    fn events_become_an_answer_and_a_broken_stream_an_error() {
        let read = |text: &str| {
            let mut pieces = Vec::new();
            let answer =
                endpoint("http://localhost").events(text.as_bytes(), &mut |words: &str| {
                    pieces.push(words.to_owned());
                    Ok(())
                });
            answer
                .map(|answer| (answer, pieces))
                .map_err(|e| e.to_string())
        };
        let word = |w: &str| {
            format!(
                "data: {}\n\n",
                json!({"choices": [{"delta": {"content": w}}]})
            )
        };
        let whole = format!(
            ": hello\r\n{}{}data: [DONE]\n\n",
            word("Fed "),
            word("daily [1]")
        );
        let expected = (
            "Fed daily [1]".to_owned(),
            vec!["Fed ".to_owned(), "daily [1]".to_owned()],
        );
        assert_eq!(read(&whole), Ok(expected));
        for broken in [
            word("Fed "),
            String::new(),
            "data: {oops\n".into(),
            "data: {\"error\": \"busy\"}\n".into(),
        ] {
            assert!(read(&broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        for local in [
            "http://localhost:11434/v1",
            "http://127.0.0.1/v1",
            "https://[::1]:8080",
        ] {
            assert!(endpoint(local).is_local(), "{local}");
        }
        for other in [
            "http://localhost.example/v1",
            "https://api.example/v1",
            "http://127.0.0.1.example",
            "localhost",
        ] {
            assert!(!endpoint(other).is_local(), "{other}");
        }
    }
}

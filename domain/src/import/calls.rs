//! Rows that are calls, as an exchange lists them.

use super::{
    Rejection,
    row::{Reader, field},
};
use crate::{
    intake::{
        call::{Direction, LONGEST_ID, LONGEST_NUMBER, LONGEST_TALK, is_hidden},
        listed::ListedCall,
    },
    kernel::{fault::Fault, limits},
    work::activity::CallStatus,
};

/// A line of a list of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRow {
    pub line: u64,
    pub call: ListedCall,
}

impl CallRow {
    /// A command's fault as one of this row, in the fields of the mapping.
    pub fn rejection(&self, fault: &Fault) -> Rejection {
        let field = match field(&fault.pointer).as_str() {
            "at" => "started_at".to_owned(),
            same => same.to_owned(),
        };
        Rejection::new(self.line, &field, fault.code, fault.detail.as_str())
    }
}

/// As lists have them, in lower case.
const DIRECTIONS: [(&str, Direction); 12] = [
    ("in", Direction::In),
    ("out", Direction::Out),
    ("internal", Direction::Internal),
    ("incoming", Direction::In),
    ("outgoing", Direction::Out),
    ("inbound", Direction::In),
    ("outbound", Direction::Out),
    ("local", Direction::Internal),
    ("входящий", Direction::In),
    ("исходящий", Direction::Out),
    ("внутренний", Direction::Internal),
    ("внутр.", Direction::Internal),
];
const STATUSES: [(&str, CallStatus); 23] = [
    ("answered", CallStatus::Answered),
    ("missed", CallStatus::Missed),
    ("busy", CallStatus::Busy),
    ("cancelled", CallStatus::Cancelled),
    ("failed", CallStatus::Failed),
    ("completed", CallStatus::Answered),
    ("no answer", CallStatus::Missed),
    ("no-answer", CallStatus::Missed),
    ("canceled", CallStatus::Cancelled),
    ("cancel", CallStatus::Cancelled),
    ("congestion", CallStatus::Failed),
    ("отвечен", CallStatus::Answered),
    ("принят", CallStatus::Answered),
    ("пропущен", CallStatus::Missed),
    ("занято", CallStatus::Busy),
    ("не отвечен", CallStatus::Missed),
    ("без ответа", CallStatus::Missed),
    ("отменен", CallStatus::Cancelled),
    ("отменён", CallStatus::Cancelled),
    ("call failed", CallStatus::Failed),
    ("no money", CallStatus::Failed),
    ("unallocated number", CallStatus::Failed),
    ("no day limit", CallStatus::Failed),
];

impl Reader<'_> {
    pub(super) fn call(&mut self) -> Option<CallRow> {
        let root = self.required("call_id");
        if root.as_ref().is_some_and(|id| id.len() > LONGEST_ID) {
            self.reject("call_id", "too_long", format!("At most {LONGEST_ID} bytes."));
        }
        let started_at = self.instant("started_at");
        if started_at.is_none() && !self.has_faults() {
            self.reject("started_at", "required", "The field is empty.");
        }
        let ended_at = self.instant("ended_at");
        if ended_at.zip(started_at).is_some_and(|(ended_at, began)| ended_at < began) {
            self.reject("ended_at", "out_of_range", "It ended before it began.");
        }
        let talk_seconds = self.talk_seconds();
        let told = self.word("status", &STATUSES);
        let by_talk = talk_seconds.map(|seconds| match seconds {
            0 => CallStatus::Missed,
            _ => CallStatus::Answered,
        });
        let status = told.or(by_talk);
        if status.is_none() && !self.has_faults() {
            self.reject("status", "required", "Say how it went, by status or talk_seconds.");
        }
        let call = ListedCall {
            root: root.unwrap_or_default(),
            started_at: started_at.unwrap_or_default(),
            ended_at,
            direction: self.word("direction", &DIRECTIONS),
            from: self.number("from").filter(|from| !is_hidden(from)),
            to: self.number("to"),
            line: self.number("line"),
            extension: self.number("extension"),
            status: status.unwrap_or(CallStatus::Failed),
            talk_seconds,
            recording: self.recording(),
        };
        Some(CallRow { line: self.line, call })
    }

    fn number(&mut self, field: &str) -> Option<String> {
        self.bounded(field, LONGEST_NUMBER)
    }

    /// Seconds, or hours, minutes and seconds as `0:01:30`.
    fn talk_seconds(&mut self) -> Option<i64> {
        let text = self.text("talk_seconds")?;
        let parts = text.split(':').map(|part| part.trim().parse::<u32>().ok());
        // Of hours, minutes and seconds the last is seconds.
        let add = |sum: Option<i64>, part: Option<u32>| {
            sum?.checked_mul(60)?.checked_add(i64::from(part?))
        };
        let seconds = parts.take(4).fold(Some(0), add);
        let seconds = seconds.filter(|seconds| (0..=LONGEST_TALK).contains(seconds));
        if seconds.is_none() {
            let detail = format!("Seconds, or 0:01:30; at most {LONGEST_TALK}.");
            self.reject("talk_seconds", "out_of_range", detail);
        }
        seconds
    }

    fn recording(&mut self) -> Option<String> {
        let text = self.bounded("recording_url", limits::ADDRESS)?;
        if text.starts_with("https://") || text.starts_with("http://") {
            return Some(text);
        }
        self.refuse(
            "recording_url",
            "invalid_value",
            "An address that begins with https:// or http://.",
        )
    }
}

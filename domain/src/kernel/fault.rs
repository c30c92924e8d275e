//! Why a command is refused: a stable code, a sentence, and a pointer to each bad field.

use serde::Serialize;

/// One thing that is wrong with the input, or one requirement that is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON pointer to the field, e.g. `/stages/0/name`; empty for the whole body.
    pub pointer: String,
    /// Stable code of the fault.
    pub code: &'static str,
    /// What is wrong, for a person.
    pub detail: String,
}

impl Fault {
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// A command that the domain refuses. Nothing has changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("The request has invalid fields.")]
    Invalid(Vec<Fault>),
    #[error("The deal is closed. Reopen it first.")]
    DealClosed,
    #[error("The deal is open already.")]
    DealOpen,
    #[error("The deal is on hold. Resume it first.")]
    DealOnHold,
    #[error("The deal is not on hold.")]
    DealNotOnHold,
    #[error("The deal's type has no stages.")]
    DealHasNoStages,
    #[error("The deal is in the stage \"{0}\" already.")]
    AlreadyInStage(String),
    #[error("The deal is in its last stage: it can be won or lost.")]
    NoNextStage,
    #[error("The deal's process has no stage \"{0}\".")]
    StageNotInProcess(String),
    #[error("The deal's type does not allow skipping stages: the next stage is \"{0}\".")]
    SkipNotAllowed(String),
    #[error("The deal's type does not allow winning a deal before its last stage, \"{0}\".")]
    WinBeforeLastStage(String),
    #[error("The deal's type does not allow going back.")]
    BackNotAllowed,
    #[error("The process moves deals of this type; they are not moved by hand.")]
    TransitionIsAutomatic,
    #[error("The deal type is disabled: no new deals of it can be opened.")]
    DealTypeDisabled,
    #[error("Requirements to leave the stage that are not met: {}.", .0.len())]
    StageGateUnmet(Vec<Fault>),
    #[error("A lost deal needs a loss reason.")]
    LossReasonRequired,
    #[error("The loss that the task reviews is over: the deal was reopened since.")]
    ReviewOutdated,
    /// With the requirements that are not met.
    #[error("Only a head or an administrator may override a gate.")]
    OverrideNotAllowed(Vec<Fault>),
    /// What there is stands against it: a code of the catalogue, a pointer to what asked for it, a sentence.
    #[error("{detail}")]
    Conflict { code: &'static str, pointer: &'static str, detail: String },
}

impl Refusal {
    pub fn invalid(pointer: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault::new(pointer, code, detail)])
    }

    /// What a field names is not there, or not in use any more.
    pub fn unknown(pointer: &str, what: &str) -> Self {
        Self::invalid(pointer, "unknown_reference", format!("There is no such {what} in use."))
    }

    pub fn conflict(code: &'static str, pointer: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { code, pointer, detail: detail.into() }
    }

    /// The stable code, as it stands in answers and in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "validation_failed",
            Self::DealClosed => "deal_closed",
            Self::DealOpen => "deal_open",
            Self::DealOnHold => "deal_on_hold",
            Self::DealNotOnHold => "deal_not_on_hold",
            Self::DealHasNoStages => "deal_has_no_stages",
            Self::AlreadyInStage(_) => "already_in_stage",
            Self::NoNextStage => "no_next_stage",
            Self::StageNotInProcess(_) => "stage_not_in_process",
            Self::SkipNotAllowed(_) | Self::WinBeforeLastStage(_) => "skip_not_allowed",
            Self::BackNotAllowed => "back_not_allowed",
            Self::TransitionIsAutomatic => "transition_is_automatic",
            Self::DealTypeDisabled => "deal_type_disabled",
            Self::StageGateUnmet(_) => "stage_gate_unmet",
            Self::LossReasonRequired => "loss_reason_required",
            Self::ReviewOutdated => "review_outdated",
            Self::OverrideNotAllowed(_) => "override_not_allowed",
            Self::Conflict { code, .. } => code,
        }
    }

    /// Every fault with its pointer; a refusal of the whole command points at the field that asked for it.
    pub fn faults(&self) -> Vec<Fault> {
        let pointer = match self {
            Self::Invalid(faults) | Self::StageGateUnmet(faults) => return faults.clone(),
            Self::LossReasonRequired => "/loss_reason_id",
            Self::StageNotInProcess(_) | Self::AlreadyInStage(_) => "/stage_key",
            Self::DealTypeDisabled => "/deal_type_id",
            Self::ReviewOutdated => "/reopen",
            Self::OverrideNotAllowed(_) => "/override_reason",
            Self::Conflict { pointer, .. } => pointer,
            _ => "/to",
        };
        let mut faults = vec![Fault::new(pointer, self.code(), self.to_string())];
        if let Self::OverrideNotAllowed(unmet) = self {
            faults.extend(unmet.iter().cloned());
        }
        faults
    }
}

/// A key as a part of a JSON pointer (RFC 6901).
pub fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Collects the faults of one input, so that a caller hears of all of them at once.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

/// Whether a character is to be seen: no white space, no control, and none that Unicode has drawn as nothing
/// (`Default_Ignorable_Code_Point`, and the blanks of Hangul and Braille).
pub fn is_visible(c: char) -> bool {
    const NOTHING: &[std::ops::RangeInclusive<char>] = &[
        '\u{ad}'..='\u{ad}',
        '\u{34f}'..='\u{34f}',
        '\u{61c}'..='\u{61c}',
        '\u{115f}'..='\u{1160}',
        '\u{17b4}'..='\u{17b5}',
        '\u{180b}'..='\u{180f}',
        '\u{200b}'..='\u{200f}',
        '\u{202a}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{2800}'..='\u{2800}',
        '\u{3164}'..='\u{3164}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{feff}'..='\u{feff}',
        '\u{ffa0}'..='\u{ffa0}',
        '\u{fff0}'..='\u{fff8}',
        '\u{1bca0}'..='\u{1bca3}',
        '\u{1d173}'..='\u{1d17a}',
        '\u{e0000}'..='\u{e0fff}',
    ];
    !c.is_whitespace() && !c.is_control() && !NOTHING.iter().any(|range| range.contains(&c))
}

impl Faults {
    pub fn add(
        &mut self,
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) {
        self.0.push(Fault::new(pointer, code, detail));
    }

    /// Keeps the value, or notes its faults.
    pub fn take<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault)).ok()
    }

    /// Notes a fault unless the text has something to be seen, and at most `longest` characters.
    pub fn text(&mut self, pointer: &str, value: &str, longest: usize) {
        if !value.chars().any(is_visible) {
            self.add(pointer, "required", "Must not be empty.");
        } else if value.chars().count() > longest {
            self.add(pointer, "too_long", format!("At most {longest} characters."));
        }
    }

    /// Notes a fault unless a browser may be sent to the address; one that is missing is none.
    pub fn url(&mut self, pointer: &str, url: Option<&str>) {
        let web = |url: &str| {
            let rest = url.strip_prefix("https://").or(url.strip_prefix("http://"));
            rest.is_some_and(|rest| !rest.is_empty())
        };
        if !url.is_none_or(web) {
            let detail = "An address that begins with https:// or http://.";
            self.add(pointer, "invalid_value", detail);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_result(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.0)) }
    }

    pub fn into_inner(self) -> Vec<Fault> {
        self.0
    }
}

#[cfg(test)]
mod text_tests {
    use super::*;

    #[test]
    fn a_text_has_something_to_be_seen() {
        for (text, fine) in [
            ("a", true),
            (" \u{200d}\u{1f468}", true),
            ("", false),
            (" \t\u{a0}", false),
            ("\u{200b}\u{feff}", false),
            ("\u{3164}", false),
            ("\u{2800} \u{ad}", false),
            ("\u{e0041}\u{202e}", false),
        ] {
            let mut faults = Faults::default();
            faults.text("/name", text, 10);
            assert_eq!(faults.is_empty(), fine, "{text:?}");
        }
    }
}

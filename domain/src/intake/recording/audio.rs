//! What a file is, by its first bytes: whoever sends it may say anything of it.

use std::fmt;

/// So many bytes tell what it is.
pub const HEAD: usize = 4_096;

/// What is kept of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::VariantArray)]
pub enum Audio {
    Wave,
    Mpeg,
    Aac,
    Ogg,
    Flac,
    Mp4,
    Amr,
    AmrWide,
}

impl Audio {
    /// The media type that it is served as.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Wave => "audio/wav",
            Self::Mpeg => "audio/mpeg",
            Self::Aac => "audio/aac",
            Self::Ogg => "audio/ogg",
            Self::Flac => "audio/flac",
            Self::Mp4 => "audio/mp4",
            Self::Amr => "audio/amr",
            Self::AmrWide => "audio/amr-wb",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Self::Wave => "wav",
            Self::Mpeg => "mp3",
            Self::Aac => "aac",
            Self::Ogg => "ogg",
            Self::Flac => "flac",
            Self::Mp4 => "m4a",
            Self::Amr => "amr",
            Self::AmrWide => "awb",
        }
    }

    /// What is served as this media type.
    pub fn of_media_type(text: &str) -> Option<Self> {
        let all = <Self as strum::VariantArray>::VARIANTS.iter();
        all.copied().find(|one| one.media_type() == text)
    }
}

/// Why something is no recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAudio {
    /// It says itself that it is something else, such as a page on which to log in.
    SaysSo,
    Empty,
    /// It has a head and no sound.
    Silent,
    Unknown,
}

impl fmt::Display for NotAudio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SaysSo => "What the link leads to is no recording, but a page or something else.",
            Self::Empty => "What the link leads to is empty.",
            Self::Silent => "The recording has no sound.",
            Self::Unknown => "What the link leads to is no recording that can be played.",
        })
    }
}

/// Whether something may be a recording that says that it is of this type. What it is its bytes tell.
pub fn may_be(content_type: Option<&str>) -> Result<(), NotAudio> {
    let Some(text) = content_type else { return Ok(()) };
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let other = ["video/mp4", "application/ogg", "application/octet-stream", ""];
    if essence.starts_with("audio/") || other.contains(&essence.as_str()) {
        Ok(())
    } else {
        Err(NotAudio::SaysSo)
    }
}

/// What something is that begins so, or is no more than that.
pub fn of(head: &[u8], whole: bool) -> Result<Audio, NotAudio> {
    if head.is_empty() && whole {
        return Err(NotAudio::Empty);
    }
    let audio = kind(head).ok_or(NotAudio::Unknown)?;
    if whole && !sounds(audio, head) {
        return Err(NotAudio::Silent);
    }
    Ok(audio)
}

fn kind(head: &[u8]) -> Option<Audio> {
    let at = |from: usize, text: &[u8]| head.get(from..).is_some_and(|rest| rest.starts_with(text));
    Some(match head {
        _ if at(0, b"RIFF") && at(8, b"WAVE") => Audio::Wave,
        _ if at(0, b"ID3") => Audio::Mpeg,
        _ if at(0, b"OggS") => Audio::Ogg,
        _ if at(0, b"fLaC") => Audio::Flac,
        _ if at(4, b"ftyp") => Audio::Mp4,
        _ if at(0, b"#!AMR-WB\n") => Audio::AmrWide,
        _ if at(0, b"#!AMR\n") => Audio::Amr,
        // A frame of AAC has the sign of one of MPEG, and the layer that there is none of.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Audio::Aac,
        [0xff, second, third, ..] if is_frame(*second, *third) => Audio::Mpeg,
        _ => return None,
    })
}

/// The second and the third byte of a frame of MPEG audio: of a version, a layer, a bit rate and a sample rate that
/// there are.
fn is_frame(second: u8, third: u8) -> bool {
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    second & 0xe0 == 0xe0 && version != 1 && layer != 0 && third >> 4 != 15 && third >> 2 & 3 != 3
}

/// Whether there is anything behind the head of it.
fn sounds(audio: Audio, whole: &[u8]) -> bool {
    match audio {
        Audio::Wave => wave_sounds(whole),
        Audio::Amr => whole.len() > b"#!AMR\n".len(),
        Audio::AmrWide => whole.len() > b"#!AMR-WB\n".len(),
        Audio::Mpeg | Audio::Aac | Audio::Ogg | Audio::Flac | Audio::Mp4 => true,
    }
}

/// Chunks follow each other, each with four letters and its length; an odd one has a byte more. Who writes while
/// somebody talks often leaves the length of the sound at 0: what stands there counts.
fn wave_sounds(whole: &[u8]) -> bool {
    let mut rest = whole.get(12..).unwrap_or_default();
    while let Some(([a, b, c, d], [l0, l1, l2, l3], behind)) = chunk(rest) {
        if [a, b, c, d] == *b"data" {
            return !behind.is_empty();
        }
        let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        let length = length.saturating_add(length & 1);
        rest = behind.get(length..).unwrap_or_default();
    }
    false
}

fn chunk(bytes: &[u8]) -> Option<([u8; 4], [u8; 4], &[u8])> {
    let (name, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    Some((*name, *length, rest))
}

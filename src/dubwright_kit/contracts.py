"""Ask and Done of every stage: what crosses the process wall. Paths and numbers, never audio bytes.

Times are seconds as float from the start of the working audio; paths are absolute strings.
A backend receives one Ask of its stage and returns the Done beside it. Backends write only to the
output paths that the ask names (these lie in a scratch folder; the stage adopts them).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple, Type

Span = Tuple[float, float]
"""(start_s, end_s)."""


# --- ingest -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IngestAsk:
    """Decode one audio stream of ``source`` to the working files and find where somebody speaks."""

    source: str
    audio_stream: int
    """Index among the container's audio streams (0 = first)."""
    working_wav: str
    """Out: 44.1 kHz stereo float32 WAV (RF64 above 4 GiB), aligned to the picture: time 0 is the film's time 0.
    "": only the next two are made."""
    speech_wav: str
    """Out: 16 kHz mono 16-bit WAV of the same length. "": neither this nor ``vad_json`` is made."""
    vad_json: str
    """Out: {"frame_s": float, "p": [0..1 per frame], "level_db": [dB of full scale per frame],
    "spans": [[start_s, end_s], ...]}."""
    duration_s: float
    """The film's length that the working file must have (container/video duration, as probed)."""


@dataclass(frozen=True)
class IngestDone:
    """``frames`` at ``rate_hz`` is exactly what every later file of the item has."""

    frames: int
    rate_hz: int
    channels: int
    speech_s: float
    note: str = ""
    """Something worth showing, such as "audio ends 3.2 s before the picture"."""


# --- separate -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class SeparateAsk:
    """Split ``wav`` (44.1 kHz stereo) into stems of exactly its length."""

    wav: str
    out_dir: str
    """Out: one 16-bit WAV a stem, ``<stem>.wav``."""
    vad_json: str = ""
    stems: Tuple[str, ...] = ("vocals", "background")
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SeparateDone:
    stems: Mapping[str, str]
    """Stem name to path."""
    frames: int
    metrics: Mapping[str, Optional[float]] = field(default_factory=dict)
    """<stem>_energy_share (of the sum over the stems; None for silence), wall_s."""


# --- transcribe / align -------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    text: str
    start_s: float
    end_s: float
    p: float = 1.0


@dataclass(frozen=True)
class TextSpan:
    """A cue or line of text; times None when the text is plain."""

    text: str
    start_s: Optional[float] = None
    end_s: Optional[float] = None


@dataclass(frozen=True)
class TranscribeAsk:
    """Draft a transcript of ``wav`` (16 kHz mono), or time the words of ``text`` when given."""

    wav: str
    language: str
    text: Tuple[TextSpan, ...] = ()
    """Empty: recognise. Else: forced alignment of exactly these words, in order."""
    speech: Tuple[Span, ...] = ()
    """Where somebody speaks; a hint for chunking."""


@dataclass(frozen=True)
class TranscribeDone:
    words: Tuple[Word, ...]
    """For alignment: one entry per whitespace token of the given text, in order (p = 0 where it
    could not be aligned and the time is interpolated)."""
    language: str
    draft: bool
    """True when recognised by a backend whose errors need a person's review."""


# --- diarize ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Turn:
    start_s: float
    end_s: float
    speaker: str


@dataclass(frozen=True)
class DiarizeAsk:
    wav: str
    """16 kHz mono."""
    speech: Tuple[Span, ...]
    n_speakers: Optional[int] = None
    words: Tuple[Word, ...] = ()
    """Known word times, when there is a transcript: turns may be cut at word ends."""


@dataclass(frozen=True)
class DiarizeDone:
    speakers: Tuple[str, ...]
    """"S1", "S2" ... in the order of first appearance."""
    turns: Tuple[Turn, ...]
    median_f0_hz: Mapping[str, float] = field(default_factory=dict)
    """Per speaker, for choosing voices; absent when unvoiced."""


# --- translate ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TranslateAsk:
    lines: Tuple[str, ...]
    source_language: str
    target_language: str


@dataclass(frozen=True)
class TranslateDone:
    lines: Tuple[str, ...]


# --- speak --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SpeakLine:
    index: int
    text: str
    voice: str
    wav: str
    """Out: mono 16-bit WAV, silence trimmed at both ends."""
    rate: float = 1.0
    """Relative to the voice's natural speed; 1.35 = 35 % faster."""
    pitch: Optional[float] = None
    """Target median F0 in Hz; None = the voice's own."""
    reference_wav: str = ""


@dataclass(frozen=True)
class SpeakAsk:
    lines: Tuple[SpeakLine, ...]
    language: str


@dataclass(frozen=True)
class SpokenLine:
    index: int
    wav: str
    duration_s: float
    rate_hz: int
    note: str = ""
    """Something worth a warning, such as "nothing to speak"."""
    word_starts_s: Tuple[float, ...] = ()
    """From the WAV's start, one per whitespace token of the text; empty when the backend cannot tell."""


@dataclass(frozen=True)
class SpeakDone:
    lines: Tuple[SpokenLine, ...]


# --- fit ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StretchLine:
    """Make ``wav`` last ``duration_s`` without changing its pitch."""

    wav: str
    out_wav: str
    duration_s: float


@dataclass(frozen=True)
class FitAsk:
    lines: Tuple[StretchLine, ...]


@dataclass(frozen=True)
class FitDone:
    durations_s: Tuple[float, ...]


# --- mix ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MixLine:
    wav: str
    start_s: float


@dataclass(frozen=True)
class MixAsk:
    working_wav: str
    background_wav: str
    out_wav: str
    """Out: 44.1 kHz stereo 16-bit WAV with exactly the working file's frames (RF64 above 4 GiB)."""
    lines: Tuple[MixLine, ...]
    """Sorted by start."""
    speech: Tuple[Span, ...]
    """Where the original voice is (VAD and source lines, unpadded): there and under ``lines`` the bed
    is background."""
    vad_json: str = ""
    pad_before_s: float = 0.150
    pad_after_s: float = 0.300
    duck_db: float = 4.0
    attack_s: float = 0.080
    release_s: float = 0.400
    bed_gain: float = 1.0
    true_peak_dbtp: float = -1.0


@dataclass(frozen=True)
class MixDone:
    frames: int
    metrics: Mapping[str, Optional[float]] = field(default_factory=dict)
    """original_lufs, programme_lufs, dub_lufs, original_speech_lufs, true_peak_dbtp,
    leakage_db (energy of VAD-speech frames in the bed against the original), dub_gain_db, wall_s."""


# --- mux ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SubtitleFile:
    srt: str
    language: str
    title: str


@dataclass(frozen=True)
class MuxAsk:
    source: str
    audio_wav: str
    out_base: str
    """Out path without suffix; the suffix (.mp4, .mkv, .m4a) is the backend's to choose."""
    language: str
    """BCP-47 of the dub, e.g. "es"."""
    source_language: str = ""
    subtitles: Tuple[SubtitleFile, ...] = ()
    keep_original_track: bool = False
    audio_stream: int = 0


@dataclass(frozen=True)
class MuxDone:
    film: str
    container: str
    video_codec: str
    duration_s: float
    metrics: Mapping[str, Optional[float]] = field(default_factory=dict)
    """offset_start_s, offset_end_s: dub against picture, measured in the written file."""
    notes: Tuple[str, ...] = ()


CONTRACTS: Dict[str, Tuple[Type[Any], Type[Any]]] = {
    "ingest": (IngestAsk, IngestDone),
    "separate": (SeparateAsk, SeparateDone),
    "transcribe": (TranscribeAsk, TranscribeDone),
    "diarize": (DiarizeAsk, DiarizeDone),
    "translate": (TranslateAsk, TranslateDone),
    "speak": (SpeakAsk, SpeakDone),
    "fit": (FitAsk, FitDone),
    "mix": (MixAsk, MixDone),
    "mux": (MuxAsk, MuxDone),
}
"""Stage name to (Ask, Done)."""

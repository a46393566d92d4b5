"""A long film through the chain, job by job: time, memory of every process, of all together.

    python bench/chain.py                 2 hours, 1,500 lines: ingest, separate, speak, fit, mix, mux
    python bench/chain.py --minutes N     another length (12.5 lines a minute)
    python bench/chain.py --quick         5 minutes
    python bench/chain.py --all           the whole dub: also transcript, speakers, translation

The film (H.264 640x360, AAC stereo, a voice that speaks in every slot of 4.8 s over music) is 57.6 s,
encoded once, its packets repeated. The data folder is made beside it and deleted at the end (12 GB
for 2 hours); the voices are installed into it, or linked from --packs HOME. Every job runs as a
person runs it, by the command line; memory is sampled five times a second over its process tree.
Prints a table and saves it to bench/results/chain.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import psutil
import soxr

from dubwright.demo.music import background
from dubwright.demo.picture import WIDTH, frames
from dubwright.demo.script import LINES
from dubwright.home import Home
from dubwright.media.wav import WavReader
from dubwright.packs.catalog import Packs
from dubwright_kit.contracts import SpeakAsk, SpeakLine

RATE_HZ = 48000
FPS = 25
UNIT_S = 57.6
"""2,700 whole AAC frames, 1,440 pictures, twelve slots."""
SLOT_S = 4.8
ALLOWED_RSS_MB = 1000.0
SAMPLE_S = 0.2
JOBS = (
    "separate_audio_builtin",
    "tts_preview_pyttsx3_v1",
    "mix_dub_preview_v1",
    "mux_dub_preview_v1",
)


@dataclass
class Memory:
    """The largest resident size of every kind of process and of all at one moment, in bytes.

    Pages that processes share count in each of them, so that the sum is an upper bound.
    """

    by_process: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    together: int = 0

    def look(self, root: psutil.Process) -> None:
        """Sample the tree of ``root``."""
        total = 0
        for process in [root, *root.children(recursive=True)]:
            try:
                words, rss = process.cmdline(), process.memory_info().rss
            except psutil.Error:
                continue  # it ended just now
            if not words:
                continue  # it ended, and nobody has asked how yet
            name = words[words.index("--path") - 1] if "--path" in words else words[-1][:20]
            if process == root:
                name = "dubwright"
            elif "env" in str(words[:1]) and "packs" in str(words[:1]):
                name = Path(words[0]).parents[2].name
            self.by_process[name] = max(self.by_process[name], rss)
            total += rss
        self.together = max(self.together, total)

    @contextmanager
    def watching(self, pid: int) -> Iterator[None]:
        """Sample until the block is left."""
        over = threading.Event()

        def sample() -> None:
            try:
                root = psutil.Process(pid)
                while not over.wait(SAMPLE_S):
                    self.look(root)
            except psutil.NoSuchProcess:
                return

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        yield
        over.set()
        thread.join()


def dubwright(home: Path, *words: str | Path, memory: Memory | None = None) -> Any:
    """Run a command of the program with --json; return its document."""
    command = [sys.executable, "-m", "dubwright.cli.main", *map(str, words), "--json"]
    environment = {**os.environ, "DUBWRIGHT_HOME": str(home)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    with (memory or Memory()).watching(process.pid):
        out, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, words))}: {out}")
    return json.loads(out)


def voices(home: Home, folder: Path, language: str) -> list[npt.NDArray[np.float32]]:
    """The demo's lines as sound at 48 kHz, one mono array each, none longer than a slot."""
    asks = tuple(
        SpeakLine(n, line.english, "en-us", str(folder / f"{n}.wav"))
        for n, line in enumerate(LINES)
    )
    with Packs(home).wall() as wall:
        done = wall.call("tts-preview", SpeakAsk(asks, language)).done
    spoken = []
    for line in done.lines:
        with WavReader(Path(line.wav)) as reader:
            mono = reader.read(0, reader.frames)[:, 0]
        sound = np.asarray(soxr.resample(mono, line.rate_hz, RATE_HZ), np.float32)
        spoken.append(0.5 * sound[: round((SLOT_S - 0.4) * RATE_HZ)])
    return spoken


def make_unit(path: Path, spoken: list[npt.NDArray[np.float32]]) -> list[float]:
    """Encode 57.6 s; return how long each of its twelve lines is."""
    count = round(UNIT_S * RATE_HZ)
    sound = (0.5 * background(UNIT_S, RATE_HZ))[:count]
    lengths = []
    for slot in range(round(UNIT_S / SLOT_S)):
        voice = spoken[slot % len(spoken)]
        start = round((slot * SLOT_S + 0.2) * RATE_HZ)
        sound[start : start + len(voice)] += voice[:, np.newaxis]
        lengths.append(len(voice) / RATE_HZ)
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "bf": "0"})
        video.width, video.height, video.pix_fmt = WIDTH, 360, "yuv420p"
        audio: Any = out.add_stream("aac", rate=RATE_HZ, layout="stereo")
        for picture in frames(UNIT_S, ()):
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode(None))
        for at in range(0, count, 1024):
            block = np.ascontiguousarray(sound[at : at + 1024].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = RATE_HZ, at
            out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    return lengths


def repeat(unit: Path, film: Path, times: int) -> None:
    """Write the unit's packets ``times`` over, without encoding anything again."""
    with av.open(str(unit)) as source, av.open(str(film), "w") as out:
        packets = [(p.stream.type, bytes(p), p.is_keyframe) for p in source.demux() if p.size]
        targets = {s.type: out.add_stream_from_template(s, opaque=True) for s in source.streams}
        steps = {"video": (Fraction(1, FPS), 0), "audio": (Fraction(1024, RATE_HZ), -1)}
        counts = {"video": 0, "audio": 0}
        for number in range(times):
            primed = number > 0  # the encoder's priming packet belongs to the first round only
            for kind, data, is_key in packets:
                if primed and kind == "audio":
                    primed = False
                    continue
                base, first = steps[kind]
                packet: Any = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = targets[kind], base, is_key
                packet.pts = packet.dts = counts[kind] + first
                packet.duration = 1
                counts[kind] += 1
                out.mux(packet)


def write_texts(folder: Path, lengths: list[float], times: int) -> tuple[Path, Path, int]:
    """English and Spanish srt, no two Spanish lines the same; returns them and their count."""
    cues: dict[str, list[str]] = {"en": [], "es": []}
    for number in range(times * len(lengths)):
        start_s = number * SLOT_S + 0.2
        times_s = f"{stamp(start_s)} --> {stamp(start_s + lengths[number % len(lengths)])}"
        line = LINES[number % len(lengths) % len(LINES)]
        for language, text in (("en", line.english), ("es", f"{number + 1}. {line.spanish}")):
            cues[language].append(f"{number + 1}\n{times_s}\n{text}\n")
    paths = []
    for language, texts in cues.items():
        paths.append(folder / f"film.{language}.srt")
        paths[-1].write_text("\n".join(texts), "utf-8")
    return paths[0], paths[1], len(cues["es"])


def stamp(at_s: float) -> str:
    """ "00:00:01,250"."""
    ms = round(at_s * 1000)
    return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"


def stage_rows(home: Path, job: str, duration_s: float) -> list[dict[str, Any]]:
    """What the stages of a job (or of its children) told of themselves."""
    shown = dubwright(home, "job", "show", job)
    jobs = shown["children"] or [shown]
    rows = []
    for one in jobs:
        for stage in one["result"]["stages"]:
            if stage["cached"]:
                continue
            x = duration_s / stage["wall_s"] if stage["wall_s"] else 0.0
            rows.append({**stage, "job": one["type"], "x_real_time": x})
    return rows


def measure(minutes: float, whole: bool, packs: Path | None) -> dict[str, Any]:
    """Make the film, run the jobs, return every figure."""
    with tempfile.TemporaryDirectory(prefix="bench-chain-") as name:
        folder = Path(name)
        home = Home(folder / "home").prepare()
        if packs is not None:
            home.packs.rmdir()
            home.packs.symlink_to(packs / "packs", target_is_directory=True)
        else:
            wanted = ("tts-preview", "asr-pocketsphinx", "diarization")
            dubwright(home.root, "packs", "install", *(wanted if whole else wanted[:1]), "--yes")
        lengths = make_unit(folder / "unit.mp4", voices(home, folder, "en"))
        times = max(1, round(minutes * 60 / UNIT_S))
        film = folder / "film.mp4"
        repeat(folder / "unit.mp4", film, times)
        english, spanish, lines = write_texts(folder, lengths, times)
        item = dubwright(home.root, "add", film)["items"][0]
        print(
            f"film: {item['duration_s'] / 60:.1f} min, {film.stat().st_size / 1e6:.0f} MB, {lines} lines"
        )
        memory, rows = Memory(), []
        started = time.monotonic()
        if whole:
            texts = ("--transcript", english, "--translation", spanish, "--speakers", "1")
            job = dubwright(home.root, "dub", item["id"], "--to", "es", *texts, memory=memory)[
                "job"
            ]
            rows += stage_rows(home.root, job, item["duration_s"])
        else:
            for path, language in ((english, "en"), (spanish, "es")):
                dubwright(home.root, "track", "import", item["id"], path, "--language", language)
            for job_type in JOBS:
                to = () if job_type.startswith("separate") else ("--option", "to=es")
                job = dubwright(home.root, "run", job_type, item["id"], *to, memory=memory)["job"]
                rows += stage_rows(home.root, job, item["duration_s"])
        return {
            "duration_s": item["duration_s"],
            "lines": lines,
            "wall_s": time.monotonic() - started,
            "stages": rows,
            "peak_rss_mb": {name: rss / 1e6 for name, rss in sorted(memory.by_process.items())},
            "together_mb": memory.together / 1e6,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--quick", action="store_true", help="5 minutes")
    parser.add_argument("--all", action="store_true", help="the whole dub")
    parser.add_argument("--packs", type=Path, help="a data folder whose packs are used")
    chosen = parser.parse_args()
    minutes = 5.0 if chosen.quick else chosen.minutes
    figures = measure(minutes, chosen.all, chosen.packs)
    print(f"{'stage':<12} {'wall':>9} {'x real time':>12} {'peak RSS':>9}")
    for row in figures["stages"]:
        print(
            f"{row['name']:<12} {row['wall_s']:>7.1f} s {row['x_real_time']:>12.0f} "
            f"{row['peak_rss_bytes'] / 1e6:>6.0f} MB"
        )
    print(
        f"in all       {figures['wall_s']:>7.1f} s {figures['duration_s'] / figures['wall_s']:>12.1f}"
    )
    for name, rss_mb in figures["peak_rss_mb"].items():
        print(f"largest {name:<16} {rss_mb:>6.0f} MB")
    print(
        f"largest sum over the tree {figures['together_mb']:.0f} MB (shared pages counted in each)"
    )
    largest = max(figures["peak_rss_mb"].values())
    print(f"largest process {largest:.0f} MB (allowed: {ALLOWED_RSS_MB:.0f} MB)")
    figures |= {"cpus": os.cpu_count(), "machine": platform.platform()}
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    name = f"chain{'-all' if chosen.all else ''}{'-quick' if chosen.quick else ''}.json"
    (results / name).write_text(json.dumps(figures, indent=1), "utf-8")
    return 0 if largest <= ALLOWED_RSS_MB else 1


if __name__ == "__main__":
    raise SystemExit(main())

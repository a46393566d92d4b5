"""What was measured, for people: who took how long, and every target beside what was reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.spleeter.contest import (
    COMMAND,
    LONG_S,
    OFFICIAL,
    OURS,
    SHERPA,
    SHERPA_PROGRAM,
    SHORT_S,
)
from bench.spleeter.work import block_flop, blocks_of

RATE_HZ = 44_100
_IDLE_LOAD = 0.7
_SHERPAS = (SHERPA, SHERPA_PROGRAM)


@dataclass(frozen=True)
class Target:
    """``at_least`` says on which side of ``must`` the figure has to be; ``aim`` is where it should be."""

    name: str
    figure: float
    must: float
    aim: float | None = None
    at_least: bool = False
    unit: str = ""

    @property
    def reached(self) -> bool:
        return self.figure >= self.must if self.at_least else self.figure <= self.must

    def line(self) -> str:
        sign = ">=" if self.at_least else "<="
        aim = "" if self.aim is None else f"  (aim {self.aim:g})"
        word = "yes" if self.reached else "NO"
        limit = f"{sign} {self.must:.4g}{self.unit}"
        return f"{self.name:<52}{self.figure:>10.4g}{self.unit:<3}{limit:>14}  {word}{aim}"


def targets(found: Mapping[str, Any]) -> Iterator[Target]:
    """The targets that ``found`` has figures for."""
    contests = found.get("contest", {})
    for seconds, must, aim in ((LONG_S, 4.0, 6.0), (SHORT_S, 6.0, 10.0)):
        rows = contests.get(str(seconds))
        if rows and OURS in rows:
            yield from _against(seconds, rows, must, aim)
    if "machine" in found and "net_gflops" in found["machine"]:
        machine = found["machine"]
        share = 100 * machine["net_gflops"] / machine["sgemm_gflops"]
        yield Target("network alone, share of sgemm (best of each)", share, 40, 55, True, " %")
        if "profile" in found:
            share = 100 * _rate_within(found["profile"]) / machine["sgemm_gflops"]
            yield Target(
                f"network within {LONG_S} s, share of best sgemm", share, 40, 55, True, " %"
            )
    streams = found.get("stream", {})
    short = streams.get(str(LONG_S))
    for seconds, row in streams.items():
        if short and row is not short:
            grown = row["peak_bytes"] / short["peak_bytes"]
            minutes = f"{float(seconds) / 60:g} min"
            yield Target(f"memory at {minutes}, against {LONG_S} s", grown, 1.1)
    if "large" in found:
        yield Target(
            "memory with a file beyond 4 GiB",
            found["large"]["peak_bytes"] / 1e6,
            350,
            None,
            False,
            " MB",
        )


def _against(seconds: int, rows: Mapping[str, Any], must: float, aim: float) -> Iterator[Target]:
    ours = rows[OURS]
    if OFFICIAL in rows:
        ratio = rows[OFFICIAL]["wall_s"] / ours["wall_s"]
        yield Target(f"{seconds} s: official / ours, wall", ratio, must, aim, True)
        yield Target(f"{seconds} s: largest difference to official", ours["difference"], 1e-4)
    peak_mb = ours["peak_bytes"] / 1e6
    yield Target(f"{seconds} s: peak memory of ours", peak_mb, 350, None, False, " MB")
    others = [rows[name] for name in _SHERPAS if name in rows]
    if others:
        fastest, leanest = (min(one[key] for one in others) for key in ("wall_s", "peak_bytes"))
        faster, leaner = fastest / ours["wall_s"], leanest / ours["peak_bytes"]
        yield Target(f"{seconds} s: fastest sherpa-onnx / ours, wall", faster, 1, None, True)
        yield Target(f"{seconds} s: leanest sherpa-onnx / ours, memory", leaner, 1, None, True)


def show(found: Mapping[str, Any]) -> str:
    """Everything as text."""
    parts = (_about, _contests, _machine, _streams, _profile, _targets)
    return "\n".join(line for part in parts for line in part(found))


def _about(found: Mapping[str, Any]) -> Iterator[str]:
    about = found["about"]
    load = about["load"][0]
    yield f"\n{about['cpus']} processors, {about['machine']}, Python {about['python']}, load before: {load:.1f}"
    if load > _IDLE_LOAD:
        yield "THE MACHINE WAS BUSY: times and rates mean little, processor times somewhat more."


def _contests(found: Mapping[str, Any]) -> Iterator[str]:
    for seconds, rows in found.get("contest", {}).items():
        yield f"\n{seconds} s of stereo, whole processes{'median wall':>21}{'processor':>12}{'peak':>10}{'times ours':>12}{'difference':>13}"
        ours_s = rows.get(OURS, {}).get("wall_s")
        for name, row in rows.items():
            times = f"{row['wall_s'] / ours_s:.2f}" if ours_s else ""
            apart = f"{row['difference']:.1e}" if "difference" in row else ""
            yield (
                f"  {name:<32}{row['wall_s']:>16.2f} s{row['cpu_s']:>10.2f} s"
                f"{row['peak_bytes'] / 1e6:>7.0f} MB{times:>12}{apart:>13}   {row['walls_s']}"
            )
    if "sherpa_difference" in found:
        yield f"  sherpa-onnx on the official grid of spectra differs by {found['sherpa_difference']:.1e}"
    if any(COMMAND in rows for rows in found.get("contest", {}).values()):
        yield "  (a command's processor time is that of its own process and of those it waited for)"


def _machine(found: Mapping[str, Any]) -> Iterator[str]:
    machine = found.get("machine")
    if not machine:
        return
    yield f"\n{'Rates, 10^9 operations a second':<34}{'best':>10}{'median':>10}"
    names = {"sgemm": "numpy float32 product", "matmul": "onnxruntime MatMul", "net": "our network"}
    for key, name in names.items():
        if f"{key}_gflops" in machine:
            yield f"  {name:<32}{machine[f'{key}_gflops']:>10.0f}{machine[f'{key}_median_gflops']:>10.0f}"
    if "net_s" in machine:
        yield f"  one block of 11.9 s, both stems: {block_flop(2) / 1e9:.2f} * 10^9 operations, {machine['net_s']:.3f} s"


def _streams(found: Mapping[str, Any]) -> Iterator[str]:
    rows = found.get("stream", {})
    if rows:
        yield f"\n{'Engine alone, generated sound':<34}{'wall':>10}{'x real time':>13}{'peak':>10}"
    for seconds, row in rows.items():
        yield f"  {float(seconds) / 60:>10.0f} min{row['wall_s']:>27.1f} s{row['times_real_time']:>11.1f}{row['peak_bytes'] / 1e6:>9.0f} MB"
    if "large" in found:
        row = found["large"]
        yield f"  file of {row['bytes'] / 1e9:.1f} GB ({row['seconds'] / 3600:.1f} h): {row['wall_s']:.0f} s, {row['times_real_time']:.1f} x real time, {row['peak_bytes'] / 1e6:.0f} MB, {row['headers']}"


def _profile(found: Mapping[str, Any]) -> Iterator[str]:
    profile = found.get("profile")
    if not profile:
        return
    wall_s, spans_s = profile["wall_s"], profile["spans_s"]
    title = f"Where the time of {LONG_S} s goes"
    yield f"\n{title:<34}{'in it':>10}{'of wall':>10}{'all threads':>14}"
    for name, span_s in spans_s.items():
        busy = f"{profile['busy_s'][name]:>12.2f} s" if name in profile["busy_s"] else ""
        yield f"  {name:<32}{span_s:>8.2f} s{span_s / wall_s:>10.0%}{busy}"
    total_s = sum(spans_s.values())
    yield f"  {'sum':<32}{total_s:>8.2f} s{total_s / wall_s:>10.0%}   (more than the wall where steps overlap)"
    yield f"  {'wall':<32}{wall_s:>8.2f} s, {profile['cpu_s']:.2f} s of processor"
    if "machine" in found:
        rate = _rate_within(profile)
        share = rate / found["machine"]["sgemm_gflops"]
        yield f"  the network in the midst of it: {rate:.0f} * 10^9 operations a second, {share:.0%} of sgemm"


def _rate_within(profile: Mapping[str, Any]) -> float:
    """10^9 operations a second of the network while everything else goes on."""
    flop = block_flop(2) * blocks_of(LONG_S * RATE_HZ)
    return flop / float(profile["spans_s"]["network"]) / 1e9


def _targets(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n{'Target':<52}{'reached':>10}{'must be':>17}"
    for target in targets(found):
        yield target.line()

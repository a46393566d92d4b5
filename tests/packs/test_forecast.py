"""Forecasts from numbers: history first, canaries second, and what is unknown is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dubwright.packs.care.forecast import (
    Disk,
    Forecast,
    Machine,
    Measured,
    StageAsk,
    disk_of,
    forecast,
    lacking,
)
from dubwright.packs.record import CanaryRun

GB = 1_000_000_000
MIX = StageAsk("mix", ("mixer",), ram_bytes=400_000_000)
CANARY = {"mixer": CanaryRun(clip_s=20.0, start_s=0.5, wall_s=0.2, peak_rss_bytes=100_000_000)}
ALL = ("ingest", "separate", "transcribe", "speak", "fit", "mix", "mux", "deliver")


def run(
    *stages: StageAsk,
    history: tuple[Measured, ...] = (),
    canaries: dict[str, CanaryRun] | None = None,
    disk: Disk = Disk(),  # noqa: B008 - frozen
    machine: Machine = Machine(),  # noqa: B008 - frozen
    duration_s: float = 600.0,
) -> Forecast:
    return forecast(duration_s, stages, canaries or {}, history, disk, machine)


def mixed(wall_s: float, duration_s: float = 600.0, peak: int = 90_000_000) -> Measured:
    return Measured("mix", ("mixer",), "", duration_s, wall_s, peak)


def test_without_any_measurement_it_says_so() -> None:
    seen = run(MIX, StageAsk("deliver"))
    assert seen.wall_s is None
    assert seen.basis == "unknown"
    assert seen.unknown == ("mix",)
    assert seen.peak_memory_bytes == 400_000_000, "what the manifest says"


def test_a_canary_gives_its_start_and_its_rate() -> None:
    seen = run(MIX, canaries=CANARY)
    assert seen.wall_s == pytest.approx(0.5 + 600 * 0.2 / 20)
    assert seen.basis == "canary"
    assert seen.peak_memory_bytes == 100_000_000


def test_a_canary_of_another_kind_of_work_or_without_sound_tells_nothing() -> None:
    assert run(replace(MIX, tested=False), canaries=CANARY).wall_s is None
    silent = {"mixer": replace(CANARY["mixer"], clip_s=0.0)}
    assert run(MIX, canaries=silent).wall_s is None
    assert run(replace(MIX, packs=("mixer", "other")), canaries=CANARY).wall_s is None


def test_the_part_of_the_film_that_a_pack_works_on() -> None:
    assert run(replace(MIX, share=0.5), canaries=CANARY).wall_s == pytest.approx(0.5 + 3.0)


def test_what_jobs_took_comes_first_and_the_middle_one_counts() -> None:
    history = (mixed(60.0), mixed(6.0), mixed(5.0))
    seen = run(MIX, history=history)
    assert seen.wall_s == pytest.approx(6.0)
    assert seen.basis == "measured here"
    assert seen.peak_memory_bytes == 90_000_000


def test_only_the_newest_runs_count() -> None:
    history = (*(mixed(6.0) for _ in range(5)), *(mixed(600.0) for _ in range(20)))
    assert run(MIX, history=history).wall_s == pytest.approx(6.0)


def test_films_of_about_this_length_are_preferred() -> None:
    history = (mixed(1.0, 5.0), mixed(2.0, 10.0), mixed(9.0, 300.0))
    assert run(MIX, history=history).wall_s == pytest.approx(18.0)
    assert run(MIX, history=history[:2]).wall_s == pytest.approx(120.0), "better than nothing"


def test_the_start_is_not_multiplied_by_the_length() -> None:
    seen = run(MIX, history=(mixed(2.5, 200.0),), canaries=CANARY)
    assert seen.wall_s == pytest.approx(0.5 + 600 * (2.5 - 0.5) / 200)
    warm = run(MIX, history=(mixed(0.4, 200.0),), canaries=CANARY)
    assert warm.wall_s == pytest.approx(0.5 + 600 * 0.2 / 200)


def test_other_packs_variants_and_runs_that_asked_nothing_do_not_count() -> None:
    others = (
        Measured("mix", ("another",), "", 600.0, 1.0, 1),
        Measured("mix", ("mixer",), "draft", 600.0, 1.0, 1),
        Measured("mux", ("mixer",), "", 600.0, 1.0, 1),
        mixed(1.0, peak=0),
        mixed(1.0, duration_s=0.0),
    )
    assert run(MIX, history=others).wall_s is None


def test_what_is_done_already_costs_nothing_and_the_worst_basis_is_named() -> None:
    done = StageAsk("separate", ("builtin",), done=True)
    mux = StageAsk("mux", ("muxer",))
    history = (Measured("mux", ("muxer",), "", 600.0, 3.0, 5),)
    assert run(done, mux, history=history).basis == "measured here"
    seen = run(done, MIX, mux, history=history, canaries=CANARY)
    assert seen.basis == "canary"
    assert seen.wall_s == pytest.approx(6.5 + 3.0)
    assert [one.wall_s for one in seen.per_stage] == [0.0, pytest.approx(6.5), 3.0]


def test_disk_is_what_the_formats_take() -> None:
    asks = [StageAsk(name, ("p",)) for name in ALL]
    disk = disk_of(100.0, 50_000_000, asks, speech_s=40.0, out=True)
    sound = 100 * (44100 * 8 + 32000 + 300) + 100 * 2 * 176_400 + 100 * 176_400
    film = 50_000_000 + 100 * 24_000
    assert disk.data_bytes == sound + 2 * 40 * 44_100 + film
    assert disk.out_bytes == film
    done = [replace(one, done=one.stage in ("ingest", "separate")) for one in asks]
    less = disk_of(100.0, 50_000_000, done, speech_s=40.0)
    assert less.data_bytes == disk.data_bytes - 100 * (44100 * 8 + 32000 + 300 + 2 * 176_400)
    assert less.out_bytes == 0


def test_a_machine_that_is_too_small_is_warned_about() -> None:
    disk = Disk(2 * GB, GB)
    small = Machine(
        memory_bytes=200_000_000, data_free_bytes=GB, out_free_bytes=GB, same_disk=False
    )
    seen = run(MIX, canaries=CANARY, disk=disk, machine=small)
    assert [warning.split(",")[0] for warning in seen.warnings] == [
        "This needs about 0.3 GB of memory",
        "This writes about 2.0 GB into the data folder",
        "This writes about 1.0 GB into the folder of --out",
    ]
    together = replace(small, memory_bytes=GB, data_free_bytes=3 * GB, same_disk=True)
    (warning,) = run(MIX, canaries=CANARY, disk=disk, machine=together).warnings
    assert "3.0 GB into the data folder" in warning
    roomy = replace(together, data_free_bytes=4 * GB)
    assert run(MIX, canaries=CANARY, disk=disk, machine=roomy).warnings == ()
    assert run(MIX, canaries=CANARY, disk=disk).warnings == (), "nothing is known of the machine"


def test_only_a_certain_lack_of_disk_blocks() -> None:
    disk = Disk(100_000_000, 50_000_000)
    assert lacking(disk, Machine()) == 0
    apart = Machine(data_free_bytes=96_000_000, same_disk=False)
    assert lacking(disk, apart) == 0
    assert lacking(disk, replace(apart, data_free_bytes=90_000_000)) == 5_000_000
    assert lacking(disk, replace(apart, same_disk=True)) > 0

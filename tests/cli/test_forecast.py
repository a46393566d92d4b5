"""What the command line says before work starts, and ``packs canary``."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubwright import Studio
from dubwright.cli.face import Face
from dubwright.cli.outlook import sentence, span
from dubwright.packs.care.forecast import Disk, Forecast, Machine, StageForecast
from dubwright.studio import forecast as outlook
from dubwright_kit import Problem
from tests.cli.program import Program
from tests.media import clips


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return clips.write_film(tmp_path / "film.mp4", clips.Film(seconds=2.0))


def expected(wall_s: float | None, basis: str = "canary") -> Forecast:
    stage = StageForecast("mix", wall_s, 400_000_000, "canary")
    return Forecast(wall_s, 400_000_000, 1_200_000_000, 0, (stage,), basis)  # type: ignore[arg-type]  # one of the bases


def test_the_sentence() -> None:
    needs = "400.0 MB memory, 1.2 GB disk while it works"
    assert sentence(expected(190.0)) == f"About 3 min, {needs} (estimated from the packs' tests)."
    assert sentence(expected(40.0, "measured here")) == f"About 40 s, {needs} (measured here)."
    assert sentence(expected(None, "unknown")).startswith(
        f"About {needs}. How long is not known: mix never ran here"
    )
    assert [span(s) for s in (0.2, 59, 3599, 7800)] == ["1 s", "1 min", "1 h", "2 h 10 min"]


def test_packs_canary_is_remembered_and_jobs_use_it(program: Program, film: Path) -> None:
    tested = program.ok("packs", "canary", "builtin")
    assert tested["name"] == "builtin"
    assert tested["ok"] is True
    assert tested["clip_s"] == 20.0
    assert tested["rtf"] == pytest.approx(tested["wall_s"] / 20)
    assert tested["start_s"] >= 0
    assert tested["peak_rss_bytes"] > 30_000_000
    outcome = program.run("packs", "canary", "apertium-of-nowhere", "--json")
    assert (outcome.code, outcome.problem["code"]) == (1, "pack-unknown")

    (item,) = program.ok("add", film)["items"]
    first = program.run("run", "separate_audio_builtin", item["id"])
    assert first.code == 0, first
    assert "How long is not known: ingest never ran here" in first.err
    (job,) = program.ok("jobs")["jobs"]
    log = program.run("job", "log", job["id"]).out
    assert "forecast (unknown): unknown, memory" in log
    assert log.count("measured: ") == 1

    another = clips.write_film(film.with_name("other.mp4"), clips.Film(seconds=3.0))
    second = program.run("separate", another, "--out", film.with_name("stems"))
    assert second.code == 0, second
    assert "(measured here)." in second.err


def test_work_that_cannot_fit_is_not_started(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        outlook, "look_at_machine", lambda data, out: Machine(data_free_bytes=500_000)
    )
    with Studio(home=tmp_path / "home") as studio:
        item = studio.add(film)
        with pytest.raises(Problem) as caught:
            studio.run("separate_audio_builtin", item.id)
        assert studio.jobs() == []
        problem = caught.value
        assert problem.code == "disk-short"
        assert "0 MB are free" in problem.message or "1 MB are free" in problem.message
        assert problem.next_action is not None
        assert problem.next_action.verb == "run"
        assert problem.next_action.args["_"] == ["separate_audio_builtin", item.id]
        with pytest.raises(Problem) as caught:
            studio.plan_separation([film], tmp_path / "out")
        assert caught.value.code == "disk-short"


def test_the_disk_of_the_stems_is_looked_at_too(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {"out_free_bytes": 10_000}
    monkeypatch.setattr(
        outlook, "look_at_machine", lambda data, out: Machine(None, 10**9, **free, same_disk=False)
    )
    other = clips.write_film(film.with_name("other.mp4"), clips.Film(seconds=3.0))
    with Studio(home=tmp_path / "home") as studio:
        with pytest.raises(Problem, match="The stems take about 2 MB") as caught:
            studio.plan_separation([film, other], tmp_path / "out")
        assert caught.value.code == "disk-short"
        free["out_free_bytes"] = 10**9
        seen = studio.plan_separation([film, other], tmp_path / "out").forecast
    assert seen is not None
    assert seen.out_bytes == pytest.approx(5.0 * 44100 * 4 * 2, rel=0.02)
    largest = 3.0 * (44100 * 8 + 32_300 + 2 * 44100 * 4)
    assert seen.temporary_disk_bytes == pytest.approx(largest, rel=0.02), "one after another"


def test_a_small_machine_is_warned_and_works(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dubwright.cli.outlook import tell

    monkeypatch.setattr(
        outlook, "look_at_machine", lambda data, out: Machine(1_000_000, 20_000_000)
    )
    with Studio(home=tmp_path / "home") as studio:
        handle = studio.run("separate_audio_builtin", studio.add(film).id)
        tell(Face(None, False, "none"), handle.forecast)
        assert handle.wait().state == "done"
    said = capsys.readouterr().err
    assert "Warning: This needs about" in said
    assert "Warning: This writes about" in said


def test_what_is_there_already_is_not_counted_again(tmp_path: Path, film: Path) -> None:
    with Studio(home=tmp_path / "home") as studio:
        item = studio.add(film)
        first = outlook.foresee(studio, "separate_audio_builtin", item, {})
        studio.run("separate_audio_builtin", item.id).wait()
        again = outlook.foresee(studio, "separate_audio_builtin", item, {})
        written = sum(studio.item(item.id).sizes.values())
    assert first is not None
    assert again is not None
    assert first.temporary_disk_bytes == pytest.approx(written, rel=0.1)
    assert (again.wall_s, again.temporary_disk_bytes) == (0.0, 0)


def test_the_machine_and_the_disk_of_out(tmp_path: Path) -> None:
    seen = outlook.look_at_machine(tmp_path, tmp_path / "film.mp4")
    assert seen.same_disk
    assert seen.memory_bytes
    assert seen.data_free_bytes == pytest.approx(seen.out_free_bytes, rel=0.1)
    assert Disk() == Disk(0, 0)

"""Batches of separations: what is done, kept, left out, said; and what a stop leaves behind."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest

from dubwright import Studio
from dubwright.home import Home
from dubwright.media.probe import probe
from dubwright.media.wav import WavReader, WavWriter
from dubwright.packs.wall.call import Wall
from dubwright.studio.stems.model import (
    SeparationPlan,
    SeparationResult,
    StemsAsk,
    StemsProgress,
)
from dubwright.studio.stems.placing import alone_in
from dubwright.studio.stems.record import RECORD, read_record
from dubwright_kit import Cancelled, NextAction, Problem
from tests.small_disk import mounted
from tests.studio.stem_packs import STEMS, asks, write_pack

RATE = 44_100
FRAMES = {"a.wav": 22_051, "b.wav": 30_000, "deep/c.wav": 10_000}
BROKEN = 15_000


def write_wav(path: Path, frames: int, channels: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = 0.5 * np.sin(np.arange(frames * channels) / 20).reshape(-1, channels)
    with WavWriter(path, RATE, channels) as writer:
        writer.write(sound.astype(np.float32))
    return path


@dataclass(frozen=True)
class Desk:
    studio: Studio
    root: Path
    packs: Path

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def asked(self) -> int:
        return len(asks(self.packs))

    def plan(self, *paths: Path | str, ask: StemsAsk | None = None) -> SeparationPlan:
        choices = asdict(ask or StemsAsk())
        return self.studio.plan_separation(paths or [self.root / "in"], self.out, **choices)

    def batch(self, *paths: Path | str, ask: StemsAsk | None = None) -> SeparationResult:
        return self.studio.separate_planned(self.plan(*paths, ask=ask))

    def states(self, *paths: Path | str, ask: StemsAsk | None = None) -> list[tuple[str, str]]:
        return [(one.source.name, one.state) for one in self.batch(*paths, ask=ask).files]

    def problem(self, *paths: Path | str, ask: StemsAsk | None = None) -> Problem:
        with pytest.raises(Problem) as caught:
            self.batch(*paths, ask=ask)
        assert caught.value.next_action is not None
        return caught.value

    def files(self) -> list[str]:
        """What lies in OUT, without the records."""
        found = (path for path in self.out.rglob("*") if path.is_file() and path.name != RECORD)
        return sorted(str(path.relative_to(self.out)) for path in found)


@dataclass(frozen=True)
class Shop:
    studio: Studio
    packs: Path
    wall: Wall
    """Warm for all tests of this file: starting guests would be most of their time."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = tmp_path_factory.mktemp("shop")
    folders = (
        write_pack(root / "packs", "spleeter", broken_frames=BROKEN),
        write_pack(root / "packs", "spleeter-4stems", 4),
    )
    with Studio(Home(root / "home", pack_folders=folders)) as studio, studio.packs.wall() as wall:
        yield Shop(studio, root / "packs", wall)


@pytest.fixture
def desk(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Three sounds in a folder, and nothing in OUT."""
    for name, frames in FRAMES.items():
        write_wav(tmp_path / "in" / name, frames)
    monkeypatch.setattr(shop.studio.packs, "wall", lambda: nullcontext(shop.wall))
    (shop.packs / "asks.jsonl").unlink(missing_ok=True)
    yield Desk(shop.studio, tmp_path, shop.packs)
    assert not list(shop.studio.home.scratch.iterdir())


@contextmanager
def changed(path: Path, old: str, new: str) -> Iterator[None]:
    """The file with other text in it."""
    before = path.read_text("utf-8")
    path.write_text(before.replace(old, new), "utf-8")
    yield
    path.write_text(before, "utf-8")


def test_a_folder_with_its_sub_folders(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # here with guests of its own
    result = desk.batch()
    assert [one.state for one in result.files] == ["done", "done", "done"]
    assert not result.failed
    assert desk.files() == [
        f"{name}/{stem}.wav" for name in ("a", "b", "deep/c") for stem in ("background", "vocals")
    ]
    for one, frames in zip(result.files, FRAMES.values(), strict=True):
        assert one.separator == "spleeter"
        assert one.duration_s == pytest.approx(frames / RATE)
        assert one.peak_rss_bytes > 1e6
        for path in one.stems.values():
            with WavReader(path) as wav:
                assert (wav.frames, wav.channels, wav.subtype) == (frames, 2, "int16")
    told = asks(desk.packs)
    assert len({ask["pid"] for ask in told}) == 1, "one warm guest for all"
    assert all(ask["options"] == {"extension": "average"} for ask in told)


def test_what_is_complete_is_kept(desk: Desk) -> None:
    first = desk.batch()
    again = desk.batch()
    assert [one.state for one in again.files] == ["kept"] * 3
    assert [one.stems for one in again.files] == [one.stems for one in first.files]
    assert desk.asked == 3
    assert again.plan.forecast is not None
    assert (again.plan.forecast.wall_s, again.plan.forecast.out_bytes) == (0.0, 0)
    forced = desk.states(ask=StemsAsk(force=True))
    assert [state for _, state in forced] == ["done"] * 3


def test_what_changed_is_done_again(desk: Desk) -> None:
    desk.batch()
    write_wav(desk.root / "in" / "a.wav", 12_345)
    stat = (desk.root / "in" / "b.wav").stat()
    os.utime(desk.root / "in" / "b.wav", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    (desk.out / "deep" / "c" / "vocals.wav").unlink()
    assert [state for _, state in desk.states()] == ["done", "done", "done"]
    (desk.out / "a" / RECORD).write_text("{")
    (desk.out / "b" / "vocals.wav").write_bytes(b"cut")
    states = dict(desk.states())
    assert (states["b.wav"], states["c.wav"]) == ("done", "kept")
    assert "a.wav/vocals.wav" in desk.files(), "stems that nobody can tell whose are left alone"


def test_other_choices_are_other_stems(desk: Desk) -> None:
    source = desk.root / "in" / "deep"
    desk.batch(source)
    asked = [
        StemsAsk(form="flac"),
        StemsAsk(form="flac", extension="zeros"),
        StemsAsk(form="flac", stems=4),
        StemsAsk(form="flac", separator="builtin"),
    ]
    for ask in asked:
        assert desk.states(source, ask=ask) == [("c.wav", "done")]
        assert desk.states(source, ask=ask) == [("c.wav", "kept")]
    pack = desk.packs / "spleeter_4stems" / "pack.toml"
    with changed(pack, 'version = "1"', 'version = "2"'), Studio(desk.studio.home) as later:
        plan = later.plan_separation([source], desk.out, stems=4, form="flac")
        assert len(plan.todo) == 1
    moved = desk.root / "elsewhere"
    (desk.root / "in" / "deep").rename(moved)
    assert desk.states(moved, ask=asked[-1]) == [("c.wav", "kept")], "a moved file is the same"


def test_one_that_fails_does_not_stop_the_others(desk: Desk) -> None:
    write_wav(desk.root / "in" / "aa.wav", BROKEN)
    (desk.root / "in" / "ab.wav").write_bytes(b"")
    (desk.root / "in" / "talk.mp4").write_text("no film")
    result = desk.batch()
    states = {one.source.name: one.state for one in result.files}
    failed = {"aa.wav": "failed", "ab.wav": "failed"}
    assert states == {"a.wav": "done", **failed, "b.wav": "done", "c.wav": "done"}
    assert [(one.path.name, one.why) for one in result.plan.skipped] == [
        ("talk.mp4", "neither a film nor sound")
    ]
    codes = [one.problem.code for one in result.failed if one.problem]
    assert codes == ["not-wav", "file-empty"]
    for one in result.failed:
        assert one.problem is not None
        assert one.problem.next_action is not None
        assert one.problem.next_action.verb == "separate"
        assert one.problem.next_action.args["_"] == [str(desk.root / "in")]
        assert not one.folder.exists()
    named = desk.batch(desk.root / "in" / "talk.mp4", desk.root / "in" / "a.wav")
    assert [one.state for one in named.files] == ["failed", "kept"]


def test_a_pack_that_cannot_work_is_asked_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def separate_one(*_: object) -> None:
        tries.append(1)
        raise Problem("weights-wrong", "The weights are damaged.")

    monkeypatch.setattr("dubwright.studio.stems.run.separate_one", separate_one)
    failed = desk.batch().failed
    assert len(tries) == 1
    assert [one.problem.code for one in failed if one.problem] == ["weights-wrong"] * len(FRAMES)


def test_what_happens_to_a_source_after_the_plan(desk: Desk) -> None:
    plan = desk.plan()
    (desk.root / "in" / "a.wav").unlink()
    (desk.root / "in" / "b.wav").write_bytes(b"RIFF")
    files = desk.studio.separate_planned(plan).files
    assert [one.state for one in files] == ["failed", "failed", "done"]
    codes = [one.problem.code for one in files if one.problem]
    assert codes == ["file-missing", "truncated-media"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are always text")
def test_a_name_that_is_no_text(desk: Desk) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    (desk.root / "in" / "a.wav").rename(desk.root / "in" / name)
    (failed,) = desk.batch().failed
    assert failed.problem is not None
    assert failed.problem.code == "path-not-utf8"


def test_a_bug_of_a_pack_is_one_files_problem(desk: Desk) -> None:
    write_wav(desk.root / "in" / "aa.wav", BROKEN)
    backend = desk.packs / "spleeter" / "backend.py"
    with changed(backend, f"len(sound) == {BROKEN}", f"1 / (len(sound) - {BROKEN}) == 2"):
        (failed,) = desk.batch().failed
    assert failed.problem is not None
    assert failed.problem.code == "bug"
    assert "ZeroDivisionError" in failed.problem.message


@pytest.mark.parametrize("form", ["wav", "flac", "mp3", "m4a"])
def test_formats_and_channels(desk: Desk, form: str) -> None:
    write_wav(desk.root / "one.wav", 12_000, channels=1)
    write_wav(desk.root / "six.wav", 12_000, channels=6)
    result = desk.batch(
        desk.root / "one.wav", desk.root / "six.wav", ask=StemsAsk(stems=4, form=form)
    )
    for one, channels in zip(result.files, (1, 2), strict=True):
        assert [path.name for path in one.stems.values()] == [f"{stem}.{form}" for stem in STEMS[4]]
        for path in one.stems.values():
            (stream,) = probe(path).audio
            assert (stream.channels, stream.rate_hz) == (channels, RATE)


def test_one_file_goes_into_out_itself(desk: Desk) -> None:
    made = desk.batch(desk.root / "in" / "a.wav", ask=StemsAsk(form="mp3"))
    assert desk.files() == ["background.mp3", "vocals.mp3"]
    assert not made.plan.batch
    assert not list(desk.out.glob(".*")), "no record: it is always done"
    stems = desk.studio.separate(desk.root / "in" / "a.wav", desk.out, stems=4, form="flac")
    assert list(stems.stems) == list(STEMS[4])
    assert stems.separator == "spleeter"


def test_sources_are_never_written_over(desk: Desk) -> None:
    mine = write_wav(desk.out / "vocals.wav", 5000)
    before = mine.read_bytes()
    problem = desk.problem(mine)
    assert problem.code == "out-is-source"
    write_wav(desk.root / "in" / "vocals.wav", 5000)
    plan = desk.studio.plan_separation([desk.root / "in"], desk.root / "in")
    desk.studio.separate_planned(plan)
    assert mine.read_bytes() == before


@pytest.mark.parametrize("inside", ["", "deeper/still"])
def test_out_that_is_a_file(desk: Desk, inside: str) -> None:
    file = desk.root / "file"
    file.write_text("a file")
    with pytest.raises(Problem) as caught:
        desk.studio.plan_separation([desk.root / "in"], file / inside)
    assert caught.value.code == "out-not-writable"
    assert "is a file" in caught.value.message
    assert caught.value.next_action is not None
    assert caught.value.next_action.args["out"] == "FOLDER"


def test_out_that_refuses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert desk.problem().code == "out-not-writable"


def test_choices_that_there_are_not(desk: Desk) -> None:
    for ask in (StemsAsk(form="ogg"), StemsAsk(stems=3), StemsAsk(extension="zero")):
        assert desk.problem(ask=ask).code == "option-invalid"
    assert desk.problem(ask=StemsAsk("nobody")).code == "separator-unknown"
    absent = desk.problem(ask=StemsAsk(stems=5))
    assert absent.code == "pack-not-installed"
    assert absent.next_action == NextAction(
        "install spleeter-5stems", "packs install", {"_": ["spleeter-5stems"]}
    )
    assert not desk.out.exists()


def test_two_at_once(desk: Desk) -> None:
    again = NextAction("go on", "separate", {})
    with alone_in(desk.studio.home, desk.out, again):
        assert desk.problem().code == "out-busy"
    assert desk.states()


def test_a_stop_leaves_nothing_half_written(desk: Desk) -> None:
    """Stopped at each step of a file, OUT holds whole stems only, and the next run goes on there."""
    ask = StemsAsk(form="flac")
    steps = ["reading the sound", "sharing", "writing vocals.flac", "writing background.flac"]
    for number, step in [*((1, step) for step in steps), *((2, step) for step in steps[1:])]:

        def stop(now: StemsProgress, at: tuple[int, str] = (number, step)) -> None:
            if (now.number, now.step) == at:
                raise Cancelled

        plan = desk.plan(ask=ask)
        with pytest.raises(Cancelled):
            desk.studio.separate_planned(plan, stop)
        assert not list(desk.out.rglob("*.part"))
        assert desk.files() == ["a/background.flac", "a/vocals.flac"][: 2 * (number - 1)]
        assert not list(desk.studio.home.scratch.iterdir())
    assert [state for _, state in desk.states(ask=ask)] == ["kept", "done", "done"]


def test_progress_counts_files_and_their_length(desk: Desk) -> None:
    seen: list[StemsProgress] = []
    desk.studio.separate_planned(desk.plan(), seen.append)
    assert {one.of for one in seen} == {3}
    assert [one.number for one in seen] == sorted(one.number for one in seen)
    assert [one.whole for one in seen] == sorted(one.whole for one in seen)
    settled = [one for one in seen if one.result is not None]
    assert [one.result.source.name for one in settled if one.result] == ["a.wav", "b.wav", "c.wav"]
    total = sum(FRAMES.values())
    assert [one.whole for one in settled] == pytest.approx(
        [22_051 / total, 52_051 / total, 1.0], abs=0.001
    )


def test_a_file_that_cannot_fit_is_not_begun(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = desk.plan()
    usage = type("Usage", (), {"free": 180_000})
    monkeypatch.setattr("dubwright.studio.stems.space.shutil.disk_usage", lambda _: usage)
    result = desk.studio.separate_planned(plan)
    assert [one.state for one in result.files] == ["failed", "failed", "done"], "the small one fits"
    problem = result.files[0].problem
    assert problem is not None
    assert problem.code == "disk-full"
    assert problem.next_action is not None
    assert problem.next_action.verb == "separate"
    assert desk.asked == 1


@pytest.mark.parametrize("form", ["wav", "m4a"])
def test_the_disk_of_out_fills_up(desk: Desk, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else takes the room after the look at it: no stem is there by half."""
    with mounted(desk.out, 1000):
        plan = desk.plan(ask=StemsAsk(form=form))
        monkeypatch.setattr("dubwright.studio.stems.run.check_room", lambda *_: None)
        (desk.out / "ballast").write_bytes(bytes(shutil.disk_usage(desk.out).free - 24_000))
        result = desk.studio.separate_planned(plan)
        assert [one.state for one in result.files] == ["failed"] * 3
        for one in result.failed:
            assert one.problem is not None
            assert one.problem.code == "disk-full"
            assert one.problem.next_action is not None
            assert one.problem.next_action.label == "free some space, then go on"
        assert desk.files() == ["ballast"]
        (desk.out / "ballast").unlink()
        assert [state for _, state in desk.states(ask=StemsAsk(form=form))] == ["done"] * 3


def test_the_record_says_how(desk: Desk) -> None:
    desk.batch(desk.root / "in", ask=StemsAsk(form="flac", extension="zeros"))
    record = read_record(desk.out / "a")
    assert record is not None
    assert record.complete
    assert (record.pack, record.pack_version, record.form) == ("spleeter", "1", "flac")
    assert record.options == {"extension": "zeros"}
    assert Path(record.source) == desk.root / "in" / "a.wav"
    assert set(record.files) == {"vocals", "background"}

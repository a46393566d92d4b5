"""The zip for a bug report: what is in it, and what must never be."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dubwright import Studio
from dubwright.cli.main import app
from dubwright.library.model import Segment
from dubwright.packs.record import Record, write_record
from dubwright.studio.scrub import Scrub
from dubwright_kit import Problem
from tests.media import clips

SPOKEN = "Nobody knows that the butler did it, not even the gardener."
SHORT = "Yes, him."


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of somebody called annamaria."""
    folder = tmp_path / "annamaria"
    folder.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "annamaria")
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnopqrstuvwx")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    for name in ("OS_PASSCODE", "OS_USERNAME", "SSL_CERT_PASS", "LANGFUSE_HOST", "DUBWRIGHT_AUTH"):
        monkeypatch.setenv(name, "opensesame")
    return folder


def poison(studio: Studio, person: Path) -> str:
    """Put private things wherever a bundle looks; return the id of a failed job."""
    film = clips.write_film(person / "The Butler.mp4", clips.Film(seconds=1.0))
    item = studio.add(film)
    lines = [Segment(0, 0.0, 0.5, SPOKEN), Segment(1, 0.5, 1.0, SHORT)]
    studio.library.add_track(item.id, "source", "en", lines, origin="imported")
    handle = studio.run("mux_dub_preview_v1", item.id)
    with pytest.raises(Problem):
        handle.wait()
    job = studio.jobs(state="failed")[0]
    with studio.job_engine.log_path(job.id).open("a", encoding="utf-8") as log:
        log.write(f"line 1 ({SPOKEN[:60]!r}): too long\nline 2 ({SHORT!r}): fine\n")
        log.write(f"opened {film}\nGET https://anna:hunter2@index.example/simple\n")
        log.write("by annamaria\n")
    folder = studio.home.pack("tts-preview")
    folder.mkdir(parents=True)
    write_record(folder, Record("tts-preview", "1", "1+a", "a", python=f"{person}/py/bin/python"))
    studio.home.pack_logs.mkdir(parents=True)
    log_path = studio.home.pack_logs / "tts-preview-20260101-000000.log"
    log_path.write_text("x" * 300_000 + "\nthe end: password=opensesame\n", "utf-8")
    studio.home.pack_settings.write_text(json.dumps({"python": {"x": f"{person}/p"}}), "utf-8")
    return job.id


def test_a_bundle_holds_what_helps_and_nothing_private(tmp_path: Path, person: Path) -> None:
    out = tmp_path / "out" / "report.zip"
    out.parent.mkdir()
    with Studio(home=person / "dubwright") as studio:
        job_id = poison(studio, person)
        bundle = studio.bundle(out)
    assert bundle.path == out
    assert [path.name for path in out.parent.iterdir()] == ["report.zip"]
    with zipfile.ZipFile(out) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {name: len(text.encode()) for name, text in texts.items()} == dict(bundle.files)
    job_log = f"jobs/{job_id}-mux_dub_preview_v1.log"
    pack_log = "packs/logs/tts-preview-20260101-000000.log"
    assert set(texts) == {
        "README.txt", "diagnostics.json", "environment.json", "packs/settings.json",
        "packs/tts-preview/record.json", pack_log, job_log,
    }  # fmt: skip

    everything = "\n".join(texts.values())
    for secret in (
        SPOKEN, SPOKEN[:40], SHORT, "Butler", "annamaria", str(person), "hunter2", "opensesame", "hf_abc",
    ):  # fmt: skip
        assert secret not in everything, secret
    assert "line 2 ('<private>'): fine" in texts[job_log]
    assert "by <user>" in texts[job_log]
    assert "https://***@index.example/simple" in texts[job_log]
    assert texts[pack_log].startswith("[the first 100,")
    assert "the end" in texts[pack_log]
    assert json.loads(texts["packs/tts-preview/record.json"])["python"] == "~/py/bin/python"
    variables = json.loads(texts["environment.json"])
    assert "HF_TOKEN" in variables["set"]
    assert variables["values"]["LC_ALL"] == "C.UTF-8"
    found = json.loads(texts["diagnostics.json"])
    assert found["failures"][0]["problem"]["code"] in everything
    assert found["toolchain"]["pythons"] == {"~/py/bin/python": ""}
    for name in set(texts) - {"README.txt"}:
        assert name in texts["README.txt"]


def test_the_log_of_a_film_that_is_gone_is_left_out(tmp_path: Path, person: Path) -> None:
    with Studio(home=person / "dubwright") as studio:
        job_id = poison(studio, person)
        studio.remove(studio.items()[0].id)
        bundle = studio.bundle(tmp_path / "report.zip")
    assert not any(name.startswith("jobs/") for name in bundle.files)
    with zipfile.ZipFile(bundle.path) as archive:
        found = json.loads(archive.read("diagnostics.json"))
    assert [list(one["problem"]) for one in found["failures"]] == [["code"]]
    assert [job_id in text for text in bundle.left_out] == [True]


def test_a_damaged_library_does_not_stop_the_report(tmp_path: Path, person: Path) -> None:
    home = person / "dubwright"
    with Studio(home=home) as studio:
        poison(studio, person)
    for path in home.glob("db/dubwright.sqlite*"):
        path.write_bytes(b"no database" * 1000)
    with Studio(home=home) as studio:
        bundle = studio.bundle(tmp_path / "report.zip")
    assert "diagnostics.json" in bundle.files
    assert not any(name.startswith("jobs/") for name in bundle.files)
    assert "damaged" in bundle.left_out[0]
    with zipfile.ZipFile(bundle.path) as archive:
        found = json.loads(archive.read("diagnostics.json"))
    assert [one["problem"]["code"] for one in found["failures"]] == ["jobs-damaged"]


def test_nothing_is_overwritten_and_nothing_half_is_left(tmp_path: Path) -> None:
    taken = tmp_path / "mine.zip"
    taken.write_text("mine")
    with Studio(home=tmp_path / "home") as studio:
        with pytest.raises(Problem) as caught:
            studio.bundle(taken)
        assert caught.value.code == "bundle-exists"
        assert caught.value.next_action is not None
        assert taken.read_text() == "mine"
        with pytest.raises(Problem) as caught:
            studio.bundle(tmp_path / "nowhere" / "report.zip")
        assert caught.value.code == "out-not-writable"
    assert {path.name for path in tmp_path.iterdir()} == {"mine.zip", "home"}


def test_the_command_lists_what_is_inside(tmp_path: Path) -> None:
    words = ["diagnostics", "--home", str(tmp_path / "home"), "--bundle"]
    shown = CliRunner().invoke(app, [*words, str(tmp_path / "a.zip")], obj={})
    assert shown.exit_code == 0, shown.output
    assert "diagnostics.json" in shown.output
    assert "nothing was sent" in shown.output
    document = CliRunner().invoke(app, [*words, str(tmp_path / "b.zip"), "--json"], obj={})
    data = json.loads(document.stdout)
    assert {"versions", "toolchain", "packs", "storage"} < set(data)
    assert {"downloads_bytes", "uv_cache_bytes"} < set(data["storage"])
    assert "README.txt" in data["bundle"]["files"]


def test_scrubbing_keeps_what_is_not_private() -> None:
    scrub = Scrub(
        Path("/home/anna"), "anna", "lap", ("Film",), ("No.", "A line that is long enough")
    )
    text = scrub.text("/home/anna/x /home/annabel/y susanna No. 'No.' Filming Film laptop lap")
    assert text == "~/x /home/annabel/y susanna No. '<private>' Filming <private> laptop <machine>"
    assert Scrub(Path("/"), "root", "", (), ()).text("/root/a") == "/root/a"

"""Licences as the distributions and manifests say them."""

from __future__ import annotations

from email.parser import HeaderParser
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.care.licences import licences, markdown, pack_licences
from dubwright.packs.care.metadata import licence_of, program_parts, source_of
from dubwright.packs.manifest import Download, Manifest, load_manifests, read_manifest
from dubwright.packs.record import ModelFile, Record, write_record
from tests.packs.loopback import fit_wheel, own_pack
from tests.packs.test_models import CONTENT, weights
from tests.packs.test_verify import SITE

APACHE = "Apache License\n        Version 2.0, January 2004\n        and so on"


@pytest.mark.parametrize(
    ("headers", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: other", "MIT OR Apache-2.0"),
        ("License: BSD-3-Clause\nClassifier: License :: OSI Approved :: BSD License", "BSD-3-Clause"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License", "MIT License"),
        (f"License: {APACHE}\nClassifier: License :: OSI Approved", "Apache License (the whole text is with the distribution)"),
        (f"License: {APACHE}\nClassifier: License :: OSI Approved :: Apache Software License", "Apache Software License"),
        ("Classifier: License :: Public Domain\nClassifier: License :: OSI Approved :: MIT License", "Public Domain, MIT License"),
        ("Classifier: License :: OSI Approved", "unknown: see https://example.org/code"),
        ("", "unknown: see https://example.org/code"),
    ],
)  # fmt: skip
def test_the_licence_is_its_own_word(headers: str, licence: str) -> None:
    message = HeaderParser().parsestr(f"Name: x\n{headers}\n")
    assert licence_of(message, "https://example.org/code") == licence


@pytest.mark.parametrize(
    ("headers", "source"),
    [
        ("Project-URL: Docs, https://d\nProject-URL: Source Code, https://s\nHome-page: https://h", "https://s"),
        ("Project-URL: Docs, https://d\nHome-page: https://h", "https://h"),
        ("Project-URL: Docs, https://d\nHome-page: UNKNOWN", "https://d"),
        ("Project-URL: broken", ""),
    ],
)  # fmt: skip
def test_the_source(headers: str, source: str) -> None:
    assert source_of(HeaderParser().parsestr(f"Name: x\n{headers}\n")) == source


def test_without_any_page_it_says_so() -> None:
    text = licence_of(HeaderParser().parsestr("Name: x\n"), "")
    assert text == "unknown: neither a licence nor a page is named"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.find(tmp_path / "home")


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return read_manifest(own_pack(tmp_path / "tiny_pack", fit_wheel("1.0", 1)))


def distribution(folder: Path, name: str, metadata: bytes) -> None:
    info = folder / "env" / SITE / f"{name}-1.0.dist-info"
    (info / "licenses" / "vendored").mkdir(parents=True)
    (info / "METADATA").write_bytes(metadata)
    (info / "licenses" / "LICENSE.txt").write_text("do what you want")
    (info / "licenses" / "vendored" / "COPYING").write_text("or not")
    (info / "top_level.txt").write_text("x")


def test_what_is_installed(home: Home, manifest: Manifest) -> None:
    folder = home.pack("tiny-pack")
    distribution(
        folder,
        "zlib_like",
        b"Name: zlib-like\nVersion: 1.0\nLicense: Z|lib\nHome-page: https://z\n",
    )
    distribution(folder, "odd", b"Name: odd\nVersion: 1.0\nAuthor: \xff\n\nLicense: not a header\n")
    distribution(folder, "none", b"")
    (folder / "env" / SITE / "empty-1.0.dist-info").mkdir()
    write_record(folder, Record("tiny-pack", "1", "1+x", "x"))
    found = pack_licences(home, manifest)
    assert found.installed
    by_name = {one.name: one for one in found.distributions}
    assert by_name["zlib-like"].licence == "Z|lib"
    assert by_name["zlib-like"].source == "https://z"
    assert by_name["zlib-like"].files == (
        f"env/{SITE}/zlib_like-1.0.dist-info/licenses/LICENSE.txt",
        f"env/{SITE}/zlib_like-1.0.dist-info/licenses/vendored/COPYING",
    )
    assert by_name["odd"].licence.startswith("unknown")
    page = markdown(licences(home, [manifest]))
    assert "| zlib-like | 1.0 | Z\\|lib | https://z |" in page
    assert "Not installed" not in page


def test_models_listed_and_brought(home: Home, manifest: Manifest, tmp_path: Path) -> None:
    official = Manifest(
        "official", "Weights", "", tmp_path, "host", "MIT", kind="weights", homepage="https://home",
        weights=(weights(b"x", CONTENT),),
        downloads=(Download("w.txt", ("some==1",), "A model in a wheel", "BSD"),),
    )  # fmt: skip
    found = pack_licences(home, official)
    assert not found.installed
    assert [(one.name, one.licence, one.source) for one in found.models] == [
        ("A model in a wheel", "BSD", "https://home"),
        ("Two stems", "MIT", "https://example.org"),
    ]
    assert "Not installed" in markdown(licences(home, [official]))
    folder = home.pack("official")
    folder.mkdir(parents=True)
    models = {f"2stems/{name}": ModelFile(1, "ab" * 32) for name in CONTENT}
    write_record(folder, Record("official", "1", "1+x", "x", models=models, unlisted=tuple(models)))
    found = pack_licences(home, official)
    assert [one.name for one in found.models] == ["A model in a wheel", *models]
    assert {one.licence for one in found.models[1:]} == {"unknown: brought with --own-weights"}


def test_the_program_and_every_shipped_pack(home: Home) -> None:
    manifests = load_manifests()
    report = licences(home, manifests.values())
    assert [one.name for one in report.packs] == list(manifests)
    assert all(one.licence for one in report.packs)
    assert report.program[0].name == "dubwright"
    names = {one.name for one in report.program}
    assert {"numpy", "onnxruntime", "typer"} <= names
    assert "pytest" not in names, "what only developers need is not part of the program"
    page = markdown(report)
    assert page.startswith("# Licences\n")
    for name in (*names, *manifests):
        assert name in page
    assert program_parts("no-such-distribution") == ()

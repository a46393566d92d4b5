"""Which licence a file has by a package's copyright file, and which ones are let in."""

from __future__ import annotations

import pytest

from training.licences import cleared, is_share_alike, rule_of, rules, spdx

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: game

Files: *
Copyright: 2001, A Programmer
License: GPL-2+
 A text about
 .
 Files: that are none

Files: data/sound/*
       data/music/*.ogg
Copyright: 2005, B
           2006, C
License: CC-BY-SA-3.0

# a comment
Files: data/sound/rain.ogg ./data/sound/wind?.ogg
Copyright: D
License: CC0
Comment: files of others

Files: data/sound/star\\*.ogg
Copyright: E
License: CC-BY-NC-3.0

License: CC0
 No rights
"""


@pytest.mark.parametrize(
    ("path", "licence"),
    [
        ("src/main.c", "GPL-2+"),
        ("data/sound/step.ogg", "CC-BY-SA-3.0"),
        ("data/sound/deep/down.ogg", "CC-BY-SA-3.0"),
        ("data/music/a/b.ogg", "CC-BY-SA-3.0"),
        ("data/music/a.wav", "GPL-2+"),
        ("data/sound/rain.ogg", "CC0"),
        ("data/sound/wind1.ogg", "CC0"),
        ("data/sound/wind12.ogg", "CC-BY-SA-3.0"),
        ("data/sound/star*.ogg", "CC-BY-NC-3.0"),
        ("data/sound/stars.ogg", "CC-BY-SA-3.0"),
    ],
)
def test_the_last_pattern_that_fits_counts(path: str, licence: str) -> None:
    rule = rule_of(path, rules(COPYRIGHT))
    assert rule is not None
    assert rule.licence == licence


def test_holders_are_told_together() -> None:
    assert rules(COPYRIGHT)[1].holders == "2005, B 2006, C"


def test_nothing_is_known_of_a_file_that_no_pattern_fits() -> None:
    assert rule_of("b.ogg", rules("Files: a.ogg\nCopyright: X\nLicense: CC0\n")) is None


def test_a_page_for_people_has_no_rules() -> None:
    assert rules("This package was debianized by X.\n\nLicense:\n\n  CC0\n") == ()


def test_a_paragraph_without_a_licence_clears_nothing() -> None:
    rule = rule_of("a.ogg", rules("Files: *\nCopyright: X\nComment: License: CC0\n"))
    assert rule is not None
    assert cleared(rule.licence) is None


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("CC0", "CC0-1.0"),
        ("cc0-1.0", "CC0-1.0"),
        ("CC-BY-3.0", "CC-BY-3.0"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("CC-BY-SA-3.0+", "CC-BY-SA-3.0"),
        ("CC-BY-SA-3.0-AU", "CC-BY-SA-3.0"),
        ("CC-SA-BY-3.0", "CC-BY-SA-3.0"),
        ("CC-BY-SA-2", "CC-BY-SA-2.0"),
        ("PD", "public-domain"),
        ("Expat", "MIT"),
        ("zlib", "Zlib"),
        ("BSD-2", "BSD-2-Clause"),
    ],
)
def test_a_free_licence_by_the_name_that_it_is_given(name: str, identifier: str) -> None:
    assert spdx(name) == identifier


@pytest.mark.parametrize(
    "name",
    [
        "GPL-2+",
        "GPL",
        "LGPL-2.1+",
        "CC-BY-NC-3.0",
        "CC-BY-NC-SA-4.0",
        "CC-BY-ND-3.0",
        "CC-Sampling-Plus-1.0",
        "freedoom-license",
        "CC-BY-SA",
        "GPL-3+ with Font exception",
        "",
    ],
)
def test_what_is_not_clearly_free_for_sound_is_not_let_in(name: str) -> None:
    assert spdx(name) is None
    assert cleared(name) is None


def test_of_several_licences_to_choose_from_the_freest_is_taken() -> None:
    assert cleared("GPL-3 or CC-BY-SA-3.0 or CC-BY-3.0") == "CC-BY-3.0"
    assert cleared("CC-BY-SA-3.0 or GPL-3") == "CC-BY-SA-3.0"
    assert cleared("GPL-2+ OR CC-BY-SA-3.0") == "CC-BY-SA-3.0"
    assert cleared("GPL-3 or LGPL-3") is None


def test_of_licences_that_hold_together_each_must_be_let_in() -> None:
    assert cleared("CC0-1.0 and CC-BY-3.0") == "CC0-1.0 AND CC-BY-3.0"
    assert cleared("CC-BY-SA-3.0+ and Mark-Policy") is None


def test_share_alike_can_be_left_out() -> None:
    assert is_share_alike("CC-BY-SA-4.0")
    assert not is_share_alike("CC-BY-4.0")
    assert cleared("CC-BY-SA-3.0", "permissive") is None
    assert cleared("CC-BY-SA-3.0 or CC-BY-3.0", "permissive") == "CC-BY-3.0"
    assert cleared("CC0-1.0 and CC-BY-SA-3.0", "permissive") is None

from __future__ import annotations

import pytest

from dubwright.library.languages import codes, name, normalise, three_letters
from dubwright_kit import Problem


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("en", "en"),
        ("eng", "en"),
        ("en-US", "en"),
        ("EN_us", "en"),
        ("English", "en"),
        (" Spanish ", "es"),
        ("español", "es"),
        ("ger", "de"),
        ("deu", "de"),
        ("pt-BR", "pt"),
        ("zh-Hans-CN", "zh"),
        ("cmn", "zh"),
        ("fil", "fil"),
        ("no", "nb"),
    ],
)
def test_spellings(spelling: str, code: str) -> None:
    assert normalise(spelling) == code


@pytest.mark.parametrize("spelling", ["Englsh", "xx", "", "en US!", "../en", "klingon"])
def test_unknown(spelling: str) -> None:
    with pytest.raises(Problem) as caught:
        normalise(spelling)
    assert caught.value.code == "language-unknown"
    assert f'"{spelling}"' in caught.value.message
    if spelling == "Englsh":
        assert "en (English)" in caught.value.message


def test_every_code_is_its_own_form() -> None:
    for code in codes():
        assert normalise(code) == normalise(name(code)) == normalise(three_letters(code)) == code
    assert three_letters("es") == "spa"
    assert name("es") == "Spanish"

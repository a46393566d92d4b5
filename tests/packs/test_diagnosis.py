"""Every failure gets its rule, every good log gets none, and nothing makes the parser fall over."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dubwright.packs.diagnosis.diagnose import Diagnosis, diagnose_log, install_problem
from dubwright.packs.diagnosis.logfile import read_log
from dubwright.packs.diagnosis.redact import redact
from dubwright.packs.diagnosis.rulebook import FILE_NAME, Rule, filled, read_rulebook, rulebook
from dubwright_kit import Problem

OURS = Path(__file__).resolve().parent / "logs"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "install-logs"
RULES = rulebook().rules
EXCERPTS = {path.stem: path.read_text("utf-8") for path in sorted(OURS.glob("*.log"))}
BAD = {name: text for name, text in EXCERPTS.items() if not name.startswith("good-")}
VARIANTS: list[dict[str, Any]] = tomllib.loads((OURS / "variants.toml").read_text("utf-8"))[
    "variant"
]
REAL = {name: rule.id for rule in RULES for name in rule.logs}
NAMED = {
    "uv-diskfull-cache": ["/tmpfs/c", "libopenblas64"],
    "uv-compile-wheelsonly-3.13": ["tensorflow==2.12.1", "3.13"],
    "uv-install-anysrc-3.13": ["tensorflow==2.12.1", "3.13"],
    "uv-install-anysrc-3.12": ["llvmlite==0.38.1", "3.12.1", ">=3.7,<3.11"],
    "pip-install-anysrc-3.12": ["numpy", "3.12"],
    # The hint of uv names the ABI of another release; the cause is the platform.
    "uv-compile-wheelsonly-x86_64-pc-windows-msvc-3.11": [
        "tensorflow-io-gcs-filesystem==0.32.0", "win_amd64",
    ],
    "uv-compile-wheelsonly-aarch64-apple-darwin-3.11": ["tensorflow==2.12.1", "macosx_13_0_arm64"],
    "uv-requires-python-too-new": ["scipy==1.15.3", "3.8.18"],
    "pip-dryrun-wheelsonly-3.12": ["librosa==0.8.0", "spleeter", "2.4.2", ">=3.8,<3.12"],
    "pip-nowheel": ["tensorflow==2.12.1", "2.22.0rc0"],
    "pip-nocompiler": ["cffi", "gcc"],
    "pip-download-corrupt": ["numpy==1.24.3", "d36ad2a31a30", "a1d3c026f57c"],
    "pip-download-503": ["503"],
    "run-import-3.10-numpy2": ["NumPy 2.2.6", "tensorflow"],
    "run-separate-3.12-tf216": ["estimator"],
    "run-nomodel-nonet-1": ["2stems.tar.gz", "Temporary failure in name resolution"],
    "run-noinput": ["nosuch.wav"],
    "uv-offline-nocache": ["spleeter"],
    "uv-pylock-deadhost": ["index.invalid:8765"],
}  # fmt: skip


def message(found: Diagnosis) -> str:
    assert found.problem is not None
    assert found.problem.next_action is not None
    assert "{" not in found.problem.message + found.problem.next_action.label
    assert "[" not in re.sub(r"\w\[\w+\]", "", found.problem.message)
    return f"{found.problem.message} {found.problem.next_action.label}"


@pytest.fixture(scope="module")
def shared() -> dict[str, str]:
    if not SHARED.is_dir():
        pytest.skip("shared/fixtures is not beside the checkout")
    return {path.stem: path.read_text("utf-8", "replace") for path in SHARED.glob("*.log")}


def test_every_real_log_gets_its_rule_and_the_good_ones_none(shared: dict[str, str]) -> None:
    assert len(shared) >= 83
    assert set(REAL) <= set(shared)
    for name, text in shared.items():
        found = diagnose_log(text, "some-pack")
        assert found.rule == REAL.get(name), name
        assert found.failed == (name in REAL), name
        for word in NAMED.get(name, ()):
            assert word in message(found), (name, word)
        if name in REAL:
            assert found.problem is not None
            assert "some-pack" in found.problem.message
            assert found.evidence


def test_a_run_with_untrained_weights_cannot_be_told_from_a_good_one(
    shared: dict[str, str],
) -> None:
    # That is why a canary looks at what comes out, and no log is believed.
    assert not diagnose_log(shared["run-nomodel-nonet-2"]).failed


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_a_fixture_that_it_explains(rule: Rule) -> None:
    found = diagnose_log(EXCERPTS[rule.id], "some-pack")
    assert found.rule == rule.id
    assert found.failed
    assert found.problem is not None
    message(found)
    assert found.problem.detail
    lines = EXCERPTS[rule.id].splitlines()
    for line in found.evidence:
        assert line.text.strip()[:20] in lines[line.number - 1]


@pytest.mark.parametrize("name", [name for name in EXCERPTS if name not in BAD])
def test_a_log_of_success_is_not_explained(name: str) -> None:
    assert diagnose_log(EXCERPTS[name], "some-pack") == Diagnosis(None, None, failed=False)


@pytest.mark.parametrize("one", VARIANTS, ids=lambda one: f"{one['rule']}-{one['text'][:30]}")
def test_other_tools_versions_and_systems(one: dict[str, Any]) -> None:
    found = diagnose_log(one["text"])
    assert found.rule == one["rule"]
    for word in one.get("names", ()):
        assert word in message(found)


def test_every_word_of_a_message_is_a_group_or_has_a_default() -> None:
    for rule in RULES:
        patterns = (*rule.any, *rule.all, *rule.facts, *rulebook().facts)
        groups = {name.partition("__")[0] for one in patterns for name in one.groupindex}
        for template in (rule.message, rule.label):
            wanted = set(re.findall(r"\{(\w+)\}", template))
            assert wanted <= groups | set(rulebook().defaults), rule.id


def test_a_message_reads_well_when_little_is_known() -> None:
    for rule in RULES:
        sure = set.intersection(*(set(one.groupindex) for one in rule.any)) if rule.any else set()
        sure |= {name for one in rule.all for name in one.groupindex}
        words = {**rulebook().defaults, **dict.fromkeys(sure, "X")}
        for template in (rule.message, rule.label):
            optional = re.findall(r"\[([^\]]*)\]", template)
            assert all("{" in part for part in optional), rule.id
            bare = filled(re.sub(r"\[[^\]]*\]", "", template), words)
            assert not re.search(r"  | [,.;:)]|\( |(?:^| )$", bare), (rule.id, bare)


def test_a_rule_that_breaks_the_schema_is_named() -> None:
    data = tomllib.loads(
        (Path(rulebook.__wrapped__.__code__.co_filename).parent / FILE_NAME).read_text("utf-8")
    )
    row = {"id": "x", "code": "pack-x", "order": 1, "message": "m.", "label": "l"}
    for wrong in (row, {**row, "any": ["("]}, {**row, "any": ["a"], "nonsense": 1}):
        with pytest.raises(ValueError, match="x"):
            read_rulebook({**data, "rule": [wrong]})
    with pytest.raises(ValueError, match="same id"):
        read_rulebook({**data, "rule": [{**row, "any": ["a"]}] * 2})


# --- several attempts in one log -----------------------------------------------------------------

TOOLS = sorted(
    name for name, text in BAD.items() if re.match(r"(?:Using|Collecting|Looking in|error: )", text)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(BAD)), st.sampled_from(TOOLS))
def test_the_last_failure_decides(first: str, last: str) -> None:
    start = "" if BAD[last].startswith("Using") else "Using Python 3.11.7 environment at: e\n"
    assert diagnose_log(BAD[first] + start + BAD[last]).rule == last


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_later_success_ends_an_earlier_failure(name: str) -> None:
    text = BAD[name] + EXCERPTS["good-uv"]
    assert not diagnose_log(text).failed
    # But who knows that it failed all the same is told what did.
    assert install_problem("some-pack", text).code == diagnose_log(BAD[name]).problem.code  # type: ignore[union-attr]  # every excerpt has one


@pytest.mark.parametrize("name", sorted(BAD))
def test_an_earlier_success_hides_nothing(name: str) -> None:
    assert diagnose_log(EXCERPTS["good-uv"] + BAD[name]).rule == name


def test_what_no_rule_knows_is_said_to_be_unknown_with_the_tail() -> None:
    text = "one\n" * 50 + "error: the moon is in the wrong house"
    found = diagnose_log(text)
    assert found.failed
    assert found.rule is None
    problem = install_problem("some-pack", text)
    assert problem.code == "pack-install-failed"
    assert "moon" in problem.detail
    assert problem.next_action is not None
    assert problem.next_action.verb == "packs log"
    assert problem.next_action.args == {"_": ["some-pack"]}


def test_an_unknown_failure_is_not_explained_by_an_older_one() -> None:
    text = EXCERPTS["disk-full"] + "Using Python 3.11.7 environment at: e\nerror: the moon\n"
    found = diagnose_log(text)
    assert found.failed
    assert found.rule is None


def test_an_exit_code_after_the_failure_does_not_hide_it() -> None:
    text = EXCERPTS["no-dns"] + "[14:05:15] uv ended with exit code 2\n"
    assert diagnose_log(text).rule == "no-dns"


# --- whatever is in the file ---------------------------------------------------------------------


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(EXCERPTS)), st.data())
def test_mutated_logs_never_raise(name: str, data: st.DataObject) -> None:
    text = EXCERPTS[name]
    at = data.draw(st.integers(0, len(text)))
    to = data.draw(st.integers(at, len(text)))
    found = diagnose_log(text[:at] + data.draw(st.text(max_size=200)) + text[to:], "some-pack")
    assert found.failed == (found.problem is not None)
    install_problem("some-pack", text[:to] * 3)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=3000))
def test_bytes_of_any_kind_never_raise(data: bytes) -> None:
    diagnose_log(data.decode("utf-8", "replace"))


@pytest.mark.parametrize("piece", ["`", "'/", "Because a and "])
def test_long_lines_made_to_be_slow_end(piece: str) -> None:
    text = "".join(f"{number} {piece * 1000}\n" for number in range(500))
    assert not diagnose_log(text).failed


def test_a_huge_log_is_explained_by_its_end_with_the_right_line(tmp_path: Path) -> None:
    path = tmp_path / "huge.log"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for _ in range(500):
            file.write("copying something/that/is/here.py -> build/lib/over/there.py\n" * 800)
        file.write(EXCERPTS["no-dns"])
    found = diagnose_log(read_log(path))
    assert found.rule == "no-dns"
    assert found.evidence[-1].number == 500 * 800 + 6


@pytest.mark.parametrize("name", sorted(BAD))
def test_windows_writes_logs_its_own_way(name: str, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"\xff\xfe" + BAD[name].replace("\n", "\r\n").encode("utf-16-le"))
    assert diagnose_log(read_log(path)).rule == name


def test_colours_and_progress_bars_are_looked_through() -> None:
    bar = "".join(f"\x1b[2K\rDownloading {number} %" for number in range(500))
    text = bar + "\r\x1b[31merror\x1b[39m: \x1b[1mdns\x1b[0m error\x1b]8;;x\x07\n"
    found = diagnose_log(text)
    assert found.rule == "no-dns"
    assert found.evidence[0].text == "error: dns error"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("error: Failed to fetch: `https://me:hunter2@a.invalid/simple/x/`: dns error", "hunter2"),
        ("error: dns error https://glpat-abcdefghijklmnopqrst@a.invalid/", "glpat-abc"),
        ("error: dns error UV_INDEX_A_PASSWORD=hunter2", "hunter2"),
        ("error: dns error Authorization: Basic aHVudGVyMg==", "aHVudGVyMg"),
        ("error: dns error for url (https://a.invalid/x?token=hunter2&y=1)", "hunter2"),
        ("error: dns error hf_abcdefghijklmnopqrstuvwxyz", "hf_abc"),
    ],
)
def test_no_password_is_shown(text: str, secret: str) -> None:
    for found in (diagnose_log(text), diagnose_log("error: moon\n" + text.replace("dns", "x"))):
        shown = repr(found) + repr(found.problem.to_json() if found.problem else "")
        assert found.failed
        assert secret not in shown


def test_versions_are_not_taken_for_secrets() -> None:
    text = "tokenizers==0.13 and basic requirements, sha256:abc key error: https://a.invalid/x"
    assert redact(text) == text


# --- reading -------------------------------------------------------------------------------------


def test_what_is_no_log_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "empty.log").write_text("\n \n")
    for path, code in (
        (tmp_path / "none.log", "pack-log-unreadable"),
        (tmp_path, "pack-log-unreadable"),
        (tmp_path / "empty.log", "pack-log-empty"),
    ):
        with pytest.raises(Problem) as caught:
            read_log(path)
        assert caught.value.code == code
        assert str(path) in caught.value.message

"""uv, Pythons and index settings are found where people have them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.fetch.settings import pip_settings, uv_environment
from dubwright.packs.toolchain.interpreter import Interpreters, ask, find_uv
from dubwright_kit import Problem
from tests.packs.loopback import RUNNING


def test_this_python_answers_and_is_tried_first() -> None:
    host = Interpreters().host()
    assert host is not None
    assert host.path.is_file()
    assert f"{host.target.python[0]}.{host.target.python[1]}" == RUNNING
    assert next(Interpreters().find(["3.99", RUNNING])) == host
    assert list(Interpreters().find(["3.99"])) == []


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script plays the interpreter")
def test_pythons_are_found_on_path_and_in_pyenv_and_must_answer(tmp_path: Path) -> None:
    def fake(path: Path, answer: str) -> Path:
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{answer}\n")
        path.chmod(0o755)
        return path

    fake(tmp_path / "bin" / "python3.99", "echo 'pyenv: python3.99: command not found'; exit 127")
    real = tmp_path / "pyenv" / "versions" / "3.99.1" / "bin" / "python3.99"
    facts = (
        '{"python": "3.99.1", "implementation": "cpython", "bits": "64", "free_threaded": "",'
        ' "system": "linux", "machine": "x86_64", "libc": "glibc", "os": "2.36",'
        f' "executable": "{real}", "base": "{real}"}}'
    )
    fake(real, f"echo '{facts}'")
    env = {"PATH": str(tmp_path / "bin"), "PYENV_ROOT": str(tmp_path / "pyenv")}
    (found,) = Interpreters(env=env).find(["3.99"])
    assert (found.path, found.version, found.target.python) == (real, "3.99.1", (3, 99))
    assert ask(tmp_path / "bin" / "python3.99") is None
    assert ask(tmp_path / "nothing") is None


def test_the_chosen_uv_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        find_uv(Home(tmp_path, uv_program=str(tmp_path / "nothing")))
    assert caught.value.code == "uv-missing"
    assert find_uv(Home(tmp_path, uv_program=sys.executable)) == Path(
        shutil.which(sys.executable) or ""
    )


def test_uv_gets_index_proxy_and_certificates_and_nothing_else() -> None:
    clean = uv_environment(
        {
            "PATH": "/bin",
            "UV_INDEX_URL": "http://index.invalid/simple",
            "UV_INDEX_CORP_PASSWORD": "secret",
            "UV_CACHE_DIR": "/cache",
            "UV_PROJECT_ENVIRONMENT": "/elsewhere",
            "UV_CONSTRAINT": "c.txt",
            "UV_NO_BINARY": "1",
            "PIP_TARGET": "/elsewhere",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_INDEX_URL": "http://other.invalid/simple",
            "PIP_CERT": "/ca.pem",
            "PYTHONPATH": "/surprise",
            "PYTHONHOME": "/surprise",
            "VIRTUAL_ENV": "/venv",
            "HTTPS_PROXY": "http://proxy.invalid:3128",
        }
    )
    assert clean == {
        "PATH": "/bin",
        "UV_INDEX_URL": "http://index.invalid/simple",
        "UV_INDEX_CORP_PASSWORD": "secret",
        "UV_CACHE_DIR": "/cache",
        "HTTPS_PROXY": "http://proxy.invalid:3128",
        "SSL_CERT_FILE": "/ca.pem",
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
    }


def test_pips_index_serves_where_uv_has_none(tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = http://a.invalid/simple\nextra_index_url =\n  http://b.invalid\n"
        "  http://c.invalid\nfind-links = /x /y\ntarget = /surprise\n"
    )
    env = {
        "PIP_CONFIG_FILE": str(config),
        "PIP_INDEX_URL": "http://mine.invalid/simple",
        "UV_CONFIG_FILE": str(tmp_path / "none"),
    }
    settings = pip_settings(env)
    assert settings["index-url"] == "http://mine.invalid/simple"
    clean = uv_environment(env)
    assert clean["UV_DEFAULT_INDEX"] == "http://mine.invalid/simple"
    assert clean["UV_EXTRA_INDEX_URL"] == "http://b.invalid http://c.invalid"
    assert clean["UV_FIND_LINKS"] == "/x,/y"
    uv_file = tmp_path / "uv.toml"
    uv_file.write_text('index-url = "http://uv.invalid/simple"\n')
    assert "UV_DEFAULT_INDEX" not in uv_environment({**env, "UV_CONFIG_FILE": str(uv_file)})

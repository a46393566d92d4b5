"""Which index, proxy, certificates and logins: from uv's settings, pip's, or what pip falls back to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dubwright.packs.fetch import default_index as module
from dubwright.packs.fetch.settings import IndexSettings, index_settings, uv_environment
from dubwright_kit import Problem

ROOT = Path(__file__).resolve().parents[2]
A, B, C = (f"https://{name}.example/simple" for name in "abc")


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch) -> str:
    """A default of pip's that is known here."""
    monkeypatch.setattr(
        module, "_sources", lambda: ['PyPI = PackageIndex("https://carried.example/", x="y")\n']
    )
    return "https://carried.example/simple"


def of(tmp_path: Path, **env: str) -> IndexSettings:
    bare = {"PIP_CONFIG_FILE": os.devnull, "XDG_CONFIG_HOME": str(tmp_path), "NETRC": os.devnull}
    return index_settings({**bare, "XDG_CONFIG_DIRS": str(tmp_path), **env})


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, ("carried",)),
        ({"UV_INDEX_URL": A}, (A,)),
        ({"UV_DEFAULT_INDEX": A, "UV_INDEX_URL": B}, (A,)),
        ({"UV_INDEX": f"{A} named={B}"}, (A, B, "carried")),
        ({"UV_DEFAULT_INDEX": A, "UV_EXTRA_INDEX_URL": f"{B} {C}"}, (B, C, A)),
        ({"UV_NO_INDEX": "1", "UV_FIND_LINKS": "/wheels"}, ()),
        ({"PIP_INDEX_URL": A}, (A,)),
        ({"PIP_INDEX_URL": A, "PIP_EXTRA_INDEX_URL": f"{B} {C}"}, (A, B, C)),
        ({"PIP_EXTRA_INDEX_URL": B}, ("carried", B)),
        ({"PIP_NO_INDEX": "true", "PIP_FIND_LINKS": "/wheels"}, ()),
        ({"UV_DEFAULT_INDEX": A, "PIP_INDEX_URL": B}, (A,)),
    ],
    ids=str,
)
def test_indexes_from_variables(
    env: dict[str, str], expected: tuple[str, ...], carried: str, tmp_path: Path
) -> None:
    found = of(tmp_path, **env)
    assert found.indexes == tuple(carried if one == "carried" else one for one in expected)
    assert found.no_index == any("NO_INDEX" in name for name in env)
    assert found.find_links == (("/wheels",) if found.no_index else ())


def test_indexes_from_uv_toml(carried: str, tmp_path: Path) -> None:
    folder = tmp_path / "uv"
    folder.mkdir()
    file = folder / "uv.toml"
    file.write_text(
        f"""
        extra-index-url = ["{B}"]
        find-links = ["wheels"]
        [[index]]
        name = "company"
        url = "{A}"
        [[index]]
        url = "https://only-for-one.example/simple"
        explicit = true
        [[index]]
        url = "{C}"
        default = true
        """
    )
    found = of(tmp_path, UV_INDEX_COMPANY_USERNAME="me", UV_INDEX_COMPANY_PASSWORD="secret")
    assert found.indexes == (A.replace("://", "://me:secret@"), B, C)
    assert found.find_links == (str(folder / "wheels"),)
    assert str(file) in found.origin
    assert "secret" not in found.origin
    assert found.login(A + "/numpy/") == ("me", "secret")
    assert found.login(B) is None
    other = tmp_path / "other.toml"
    other.write_text(f'index-url = "{B}"\n[pip]\nindex-url = "{A}"\n')
    assert of(tmp_path, UV_CONFIG_FILE=str(other)).indexes == (A,)
    other.write_text("index-url = [not toml")
    assert of(tmp_path, UV_CONFIG_FILE=str(other)).indexes == (carried,)


def test_indexes_from_pip_conf(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        f"[global]\nindex-url = {A}\ncert = {file}\nproxy = proxy.example:3128\n"
        f"trusted-host = one.example\n    two.example:8443\n[install]\nextra-index-url =\n  {B}\n  {C}\n"
    )
    found = of(tmp_path, PIP_CONFIG_FILE=str(file))
    assert found.indexes == (A, B, C)
    assert found.certificates == str(file)
    assert found.proxy_of(A) == "http://proxy.example:3128"
    assert found.trusts("https://one.example/x")
    assert found.trusts("https://two.example:8443/x")
    assert not found.trusts("https://two.example/x")
    assert found.origin.startswith(A)
    assert "pip" in found.origin


def test_the_default_is_what_the_pip_of_this_python_carries(tmp_path: Path) -> None:
    (default,) = of(tmp_path).indexes
    assert default.startswith("https://")
    assert default.endswith("/simple")


def test_without_pip_uv_is_asked(monkeypatch: pytest.MonkeyPatch, uv: Path, tmp_path: Path) -> None:
    default = of(tmp_path).indexes
    monkeypatch.setattr(module, "_sources", list)
    bare = {
        "PIP_CONFIG_FILE": os.devnull,
        "XDG_CONFIG_HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    assert index_settings(bare, uv).indexes == default
    with pytest.raises(Problem) as caught:
        of(tmp_path)
    assert caught.value.code == "pack-no-index"
    assert caught.value.next_action is not None


def test_source_that_is_not_pips_gives_nothing() -> None:
    for text in (
        "",
        "PyPI = 3",
        "PyPI = PackageIndex(url)",
        "def broken(",
        "PyPI = PackageIndex()",
    ):
        assert module._address(text) == ""


def test_certificates_and_their_order(tmp_path: Path) -> None:
    files = {}
    for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE"):
        files[name] = str(tmp_path / f"{name}.pem")
        Path(files[name]).touch()
        # Each one beats those before it.
        found = of(tmp_path, UV_DEFAULT_INDEX=A, **files)
        assert found.certificates == files[name]
        assert files[name] in found.origin
    gone = {**files, "SSL_CERT_FILE": str(tmp_path / "gone.pem")}
    assert of(tmp_path, UV_DEFAULT_INDEX=A, **gone).certificates == files["PIP_CERT"]
    assert of(tmp_path, UV_DEFAULT_INDEX=A).certificates == ""


@pytest.mark.parametrize(
    ("rule", "url", "direct"),
    [
        ("a.example", "https://a.example/x", True),
        ("a.example", "https://b.a.example/x", True),
        ("a.example", "https://ba.example/x", False),
        (".example", "https://a.example/x", True),
        ("*.example", "https://a.example/x", True),
        ("a.example:8443", "https://a.example:8443/x", True),
        ("a.example:8443", "https://a.example/x", False),
        ("10.0.0.0/8", "http://10.2.3.4/x", True),
        ("10.0.0.0/8", "http://11.2.3.4/x", False),
        ("::1", "http://[::1]:80/x", True),
        ("", "https://a.example/x", False),
    ],
)
def test_no_proxy_rules(rule: str, url: str, direct: bool, tmp_path: Path) -> None:
    proxy = "http://proxy.example:3128"
    env = {"HTTP_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": f"other.example, {rule}"}
    found = of(tmp_path, UV_DEFAULT_INDEX=A, **env)
    assert found.proxy_of(url) == ("" if direct else proxy)


def test_uv_is_given_the_same_index(tmp_path: Path) -> None:
    """What is resolved by uv and what is fetched by us come from one place."""
    given: dict[str, Any] = {
        "PIP_INDEX_URL": A,
        "PIP_EXTRA_INDEX_URL": B,
        "PIP_CONFIG_FILE": os.devnull,
    }
    given |= {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path)}
    environment = uv_environment(given)
    assert environment["UV_DEFAULT_INDEX"] == A
    assert environment["UV_EXTRA_INDEX_URL"] == B
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv" / "uv.toml").write_text(f'index-url = "{C}"')
    assert "UV_DEFAULT_INDEX" not in uv_environment(given)
    assert index_settings(given).indexes == (C,)


def test_netrc_and_the_login_of_a_host(tmp_path: Path) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine a.example login me password one\ndefault login x password y\n")
    found = of(tmp_path, UV_DEFAULT_INDEX=A, NETRC=str(file))
    assert found.login(A) == ("me", "one")
    assert found.login(B) is None, "the default entry is not for whomever we ask"
    file.write_text("machine broken")
    assert of(tmp_path, UV_DEFAULT_INDEX=A, NETRC=str(file)).logins == {}


def test_no_file_names_a_registry() -> None:
    hosts = ("py" + "pi.org", "python" + "hosted.org", "py" + "pi.python.org")
    files = [
        path
        for folder in ("src", "tools", "docs", "bench")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".toml", ".md", ".txt", ".json")
    ]
    assert len(files) > 100
    for path in files:
        text = path.read_text("utf-8")
        assert not [host for host in hosts if host in text], path

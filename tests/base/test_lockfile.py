import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from testiculus.base import lockfile
from testiculus.base.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text()

TWO_PINS = """\
six==1.17.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
triton==3.6.0 ; sys_platform == 'linux' \\
    --hash=sha256:cc
"""


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [
        Requirement(r) for r in project["dependencies"] + project["optional-dependencies"]["dev"]
    ]


def locked_for(python: str, system: str) -> dict[str, str]:
    """An oracle that reads the lock with the library pip itself uses, line by line."""
    where = {
        "python_full_version": python,
        "python_version": python[:4],
        "sys_platform": system,
        "os_name": "posix",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
    }
    lines = [line.removesuffix("\\") for line in LOCK.splitlines() if not line.startswith(" ")]
    pins = [Requirement(line) for line in lines]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(where)]
    assert len({pin.name for pin in here}) == len(here)  # one version each
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in here}


def test_the_lock_holds_no_address_no_path_and_no_option():
    assert "://" not in LOCK
    assert not re.search(r"^(?!    --hash=sha256:)\s*[-/#@]", LOCK, re.MULTILINE)


def test_a_pin_knows_its_name_version_marker_and_hashes():
    six, triton = lockfile.parse_lock(TWO_PINS)
    assert (six.name, six.version, six.marker) == ("six", "1.17.0", "")
    assert triton.requirement == "triton==3.6.0 ; sys_platform == 'linux'"
    assert six.text.count("--hash") == 2


def test_parsing_loses_nothing():
    assert "".join(pin.text + "\n" for pin in lockfile.parse_lock(LOCK)) == LOCK


@pytest.mark.parametrize(
    "line",
    ["six>=1.0", "six==1.17.0", "--index-url somewhere", "six @ file:///tmp/six.whl"],
)
def test_a_line_that_is_no_hashed_pin_is_refused(line):
    with pytest.raises(UserError, match="pinned"):
        lockfile.parse_lock(line + "\n")


@pytest.mark.parametrize("python", ["3.11.0", "3.11.9", "3.12.4"])
@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_the_declared_ranges_admit_the_locked_versions(python, system):
    locked = locked_for(python, system)
    for requirement in declared():
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} against {version}"


def test_every_direct_dependency_has_a_lower_and_an_upper_bound():
    for requirement in declared():
        operators = sorted(s.operator for s in requirement.specifier)
        assert operators == ["<", ">="], str(requirement)


def test_the_lock_without_torch_leaves_out_torch_and_its_libraries_and_nothing_else():
    whole = {pin.name for pin in lockfile.parse_lock(LOCK)}
    rest = {pin.name for pin in lockfile.parse_lock(lockfile.without_torch(LOCK))}
    left_out = whole - rest
    assert {"torch", "torchvision", "triton"} < left_out
    assert all(re.match(r"torch$|torchvision$|triton$|nvidia-|cuda-", name) for name in left_out)
    assert {"timm", "numpy", "sympy", "networkx"} < rest


def test_the_lock_without_torch_keeps_every_hash_of_the_rest():
    rest = lockfile.without_torch(TWO_PINS)
    assert rest == TWO_PINS.split("triton")[0]


def test_torch_and_torchvision_are_named_without_hashes():
    found = lockfile.torch_requirements(LOCK)
    locked = locked_for("3.11.9", "linux")
    assert found == [f"torch=={locked['torch']}", f"torchvision=={locked['torchvision']}"]


def test_the_conda_environment_holds_the_pins_of_the_lock():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    by_pip = next(d["pip"] for d in conda["dependencies"] if isinstance(d, dict))
    *pins, itself = by_pip
    assert itself == "--editable ."
    lines = [line.removesuffix(" \\") for line in LOCK.splitlines() if not line.startswith(" ")]
    assert [re.sub(r"\[.*?\]", "", line) for line in lines] == pins


def test_the_conda_environment_is_what_make_lock_writes():
    assert (ROOT / "environment.yml").read_text() == lockfile.conda_environment(LOCK)


def test_making_the_lock_without_uv_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="needs uv"):
        lockfile.write_lock(tmp_path)


def test_a_resolver_that_fails_leaves_both_files_as_they_were(tmp_path, monkeypatch):
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\nexit 1\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "requirements.lock").write_text(TWO_PINS)
    with pytest.raises(UserError, match="no set of versions"):
        lockfile.write_lock(tmp_path)
    assert (tmp_path / "requirements.lock").read_text() == TWO_PINS
    assert not (tmp_path / "environment.yml").exists()

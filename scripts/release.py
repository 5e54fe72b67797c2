"""Build the wheel and the sdist as they are released, and try them as a user has them.

Both are built twice, from copies of what git tracks in folders of different names, at different
times, under different umasks and time zones, the wheel once from the sdist and once from the
sources: they must be the same bit for bit, and hold both packages and nothing else. Then, on each
Python asked for, the wheel is installed in an empty environment outside the checkout. There it
must import with NumPy alone, type-check (mypy and pyright, strict) and run under a user's program,
and pass tests in a copy of the checkout whose packages are those of the wheel.

Run it as `python scripts/release.py` in an environment with the extra `dist`; it leaves wheel and
sdist in `dist/`. Exit status 1 if anything fails.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGES = ("autonn", "viz")
LOCK = ROOT / "requirements-dev.txt"
# Quick ones that go through every part; `--tests tests` runs all.
TESTS = ["arguments", "engine", "transforms", "nn", "optim", "files", "data", "pictures"]
ALONE = """
import sys, autonn
from importlib.metadata import version
from importlib.util import find_spec
from autonn.data import load_digits
for name in ("autonn", "viz"):
    assert find_spec(name).origin.startswith(sys.prefix), find_spec(name)
assert version("autonn") == autonn.__version__
assert len(load_digits().x_train)
"""
SEEN = "import numpy, sys; print('Python', sys.version, 'NumPy', numpy.__version__)"


def run(*command: str | Path, where: Path = ROOT, **environment: str) -> None:
    """Run a command, away from the checkout's modules; stop all if it fails."""
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environment
    subprocess.run([str(word) for word in command], cwd=where, env=variables, check=True)


def tracked() -> list[str]:
    """Give the names of the project's files."""
    told = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in told.stdout.splitlines() if (ROOT / name).is_file()]


def copied(names: list[str], to: Path) -> Path:
    """Copy files of the checkout, with the times and rights of new ones."""
    for name in names:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, to / name)
    return to


def build(sources: Path, *options: str, **environment: str) -> dict[str, bytes]:
    """Build in a folder; give the files by name."""
    pinned = ("--build-constraints", LOCK, "--require-hashes")
    run("uv", "build", "--quiet", *options, *pinned, where=sources, **environment)
    built = (sources / "dist").glob("autonn-*")
    return {path.name: path.read_bytes() for path in sorted(built)}


def built_twice(folder: Path) -> Path:
    """Build in two ways, compare, and put the files into dist/; give the wheel."""
    before = os.umask(0o022)
    first = build(copied(tracked(), folder / "here"), TZ="UTC")
    os.umask(0o077)
    later = copied(tracked(), folder / "there" / "and deeper")
    for path in later.rglob("*"):
        os.utime(path, (1e9, 1e9))
    second = build(later, "--sdist", "--wheel", TZ="Asia/Tokyo")
    os.umask(before)
    differ = sorted(name for name in first | second if first.get(name) != second.get(name))
    if differ:
        raise SystemExit(f"differ between two builds: {', '.join(differ)}")
    (ROOT / "dist").mkdir(exist_ok=True)
    for name, content in first.items():
        (ROOT / "dist" / name).write_bytes(content)
        print(f"{hashlib.sha256(content).hexdigest()}  dist/{name}, twice the same")
    return next((ROOT / "dist" / name) for name in first if name.endswith(".whl"))


def check_contents(wheel: Path) -> None:
    """Compare what wheel and sdist hold with the packages' files."""
    ours = {name for name in tracked() if name.startswith(tuple(f"{p}/" for p in PACKAGES))}
    sdist = wheel.with_name("-".join(wheel.name.split("-")[:2]) + ".tar.gz")
    with zipfile.ZipFile(wheel) as opened:
        held = {name for name in opened.namelist() if ".dist-info/" not in name}
        licence = [name for name in opened.namelist() if name.endswith("licenses/LICENSE")]
    with tarfile.open(sdist) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    beside = {".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
    wrong = (held ^ ours) | (names ^ (ours | beside))
    if wrong or not licence:
        raise SystemExit(f"missing from wheel or sdist, or there by mistake: {sorted(wrong)}")
    print(f"{len(held)} files in the wheel, {len(names)} in the sdist, and no other")


def check_installed(wheel: Path, python: str, resolution: str, tests: list[str]) -> None:
    """Install the wheel in an empty environment, and try it there."""
    with TemporaryDirectory() as folder:
        place, env = Path(folder), Path(folder) / "env"
        user = env / "bin" / "python"
        run("uv", "venv", "--quiet", "--no-python-downloads", "--python", python, env)
        install = ("uv", "pip", "install", "--quiet", "--python", user, "--no-build")
        run(*install, wheel, where=place)
        run(user, "-W", "error", "-c", ALONE, where=place)
        given = (ROOT / "pyproject.toml", "--extra", "test", "typing-extensions>=4.12")
        run(*install, "--reinstall", "--resolution", resolution, "-r", *given, where=place)
        run(*install, "--no-deps", "--reinstall", wheel, where=place)
        run(user, "-c", SEEN, where=place)
        packages = tuple(f"{package}/" for package in PACKAGES)
        copy = copied([name for name in tracked() if not name.startswith(packages)], place / "copy")
        check_types(copy / "tests" / "typed", user, newest=resolution == "highest")
        site = next((env / "lib").glob("python*/site-packages"))
        for package in PACKAGES:
            (copy / package).symlink_to(site / package)
        pytest = ["-m", "pytest", "-n", "2", "-p", "no:cacheprovider"]
        if resolution != "highest":  # the old are deprecated by the new that they bring
            pytest += ["-W", "default::DeprecationWarning"]
        run(user, *pytest, *tests, where=copy, OPENBLAS_NUM_THREADS="1")


def check_types(programs: Path, user: Path, newest: bool) -> None:
    """Check a user's programs, and run the one that is right."""
    if newest:  # an old NumPy's stubs are for checkers of its time
        mypy = ("mypy", "--strict", "--python-executable", user, "--cache-dir", os.devnull)
        run(*mypy, ".", where=programs)
        run("basedpyright", "--project", programs, "--pythonpath", user, where=programs)
    run(user, "user.py", where=programs)


def main() -> None:
    """Build, compare, install and test."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    some = [f"tests/test_{name}.py" for name in TESTS]
    several: dict[str, Any] = {"nargs": "+"}
    parser.add_argument("--python", **several, default=[sys.executable], help="versions or paths")
    parser.add_argument(
        "--resolution",
        **several,
        choices=("highest", "lowest-direct"),
        default=["highest"],
        help="of NumPy and all that the extras bring: the newest, the oldest that is allowed",
    )
    parser.add_argument("--tests", **several, default=some, help="what to run; some quick ones")
    given = parser.parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with TemporaryDirectory() as folder:
        wheel = built_twice(Path(folder))
    check_contents(wheel)
    for python in given.python:
        for resolution in given.resolution:
            check_installed(wheel, python, resolution, given.tests)


if __name__ == "__main__":
    main()

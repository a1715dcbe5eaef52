"""The wheel carries everything: `honk demo` works from it, outside the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from honk.demo import script

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {"__pycache__", "dist", "node_modules"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(into), str(ROOT)]
    built = subprocess.run(argv, capture_output=True, text=True, timeout=100)
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = into.glob("*.whl")
    return made


def kept(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not LEFT_OUT.intersection(parts) and path.suffix != ".pyc":
            yield path


def test_everything_is_in_it(wheel: Path) -> None:
    sources = {f"honk/{path.relative_to(ROOT / 'src' / 'honk')}" for path in kept(ROOT / "src" / "honk")}
    player = ROOT / "examples" / "music-player"
    example = {f"honk/demo/example/{path.relative_to(player)}" for path in kept(player)}
    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())
        assert sources | example <= held
        beside = {name for name in held if ".dist-info/" not in name} - sources - example
        assert beside == set()
        (points,) = (name for name in held if name.endswith("entry_points.txt"))
        assert "honk = honk.__main__:main" in opened.read(points).decode()
    assert {"honk/py.typed", "honk/doors/cli/honk.toml", "honk/demo/example/.honk.toml"} <= sources | example


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.seconds(400)
def test_the_demo_runs_from_it(wheel: Path, short_tmp: Path) -> None:
    """Dependencies come from this environment by a .pth file; Honk itself only from the wheel."""
    place = short_tmp / "venv"
    venv.create(place, with_pip=True, symlinks=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, timeout=100)
    (inside,) = (place / "lib").glob("python3*/site-packages")
    (inside / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    home = short_tmp / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HONK_HOME": str(short_tmp / "h")}

    where = [str(place / "bin" / "python"), "-c", "import honk; print(honk.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, env=environment, cwd=home, check=True)
    assert found.stdout.startswith(str(inside))
    ran = subprocess.run(
        [str(place / "bin" / "honk"), "demo"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("replay:") and "ANTHROPIC_API_KEY" in lines[0]
    assert any(line.startswith("live now") and line.endswith(script.PAGE) for line in lines)
    assert "\x1b" not in ran.stdout
    assert list(home.iterdir()) == []

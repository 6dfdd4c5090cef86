"""What the base install adds to a fresh virtual environment, against a limit and by package."""

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from bench.result import ROOT, Result, Target

INSTALL_SECONDS = 600
LISTED = 10


def run(folder: Path) -> Result:
    """Install into an environment of its own and weigh it."""
    environment = folder / "venv"
    venv.create(environment, with_pip=True)
    packages = _packages(environment)
    before = weights(packages)
    source = folder / "source"
    # A copy: a build leaves its folders beside the sources, and takes up what an older one left there.
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for file in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / file, source)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "--constraint", str(ROOT / "constraints.txt"), str(source)],
        check=True,
        timeout=INSTALL_SECONDS,
        stdout=sys.stderr,
    )
    added = {name: size for name, size in weights(packages).items() if name not in before}
    largest = sorted(added.items(), key=lambda pair: -pair[1])
    return Result(
        "install",
        {
            "added_mb": megabytes(sum(added.values())),
            "packages": len(added),
            "largest_mb": {name: megabytes(size) for name, size in largest[:LISTED]},
            "others_mb": megabytes(sum(size for _, size in largest[LISTED:])),
        },
        [Target("added_mb", "<", 350)],
    )


def weights(packages: Path) -> Mapping[str, int]:
    """The bytes of every package that is installed in the folder, by its name."""
    return {found.name: _bytes(found) for found in distributions(path=[str(packages)])}


def megabytes(size: int) -> float:
    """In MB of 10**6 bytes, two digits after the point."""
    return round(size / 1e6, 2)


def _bytes(found: Distribution) -> int:
    """What its files hold; the caches of compiled modules count, as every install makes them."""
    paths = {Path(str(found.locate_file(file))) for file in found.files or ()}
    return sum(path.stat().st_size for path in paths if path.is_file())


def _packages(environment: Path) -> Path:
    asked = "import json, sysconfig; print(json.dumps(sysconfig.get_path('purelib')))"
    python = str(environment / "bin" / "python")
    return Path(json.loads(subprocess.run([python, "-c", asked], capture_output=True, check=True).stdout))

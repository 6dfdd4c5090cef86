"""The completions of the shells, tried in the shells that are there."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.server import wanserve
from wanserve.cli.completion import SHELLS
from wanserve.cli.parser import COMMANDS


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The script of each shell in a file."""
    folder = tmp_path_factory.mktemp("completions")
    files = {}
    for shell in SHELLS:
        printed = wanserve("completion", shell)
        assert (printed.returncode, printed.stderr) == (0, "")
        files[shell] = folder / shell
        files[shell].write_text(printed.stdout)
    return files


def completed(script: Path, line: str, cwd: Path) -> set[str]:
    """What bash offers for the last word of a line, as its Tab key does."""
    # The function that completes is asked for as bash itself would call it.
    program = """
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        function=$(complete -p wanserve | sed -E 's/.* -F ([^ ]+).*/\\1/')
        "$function" wanserve "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    words = line.split(" ")
    done = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", str(script), *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return {each.strip() for each in done.stdout.splitlines() if each.strip()}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("wanserve ", set(COMMANDS)),
        ("wanserve gen", {"generate"}),
        ("wanserve wor", {"worker", "workers"}),
        ("wanserve keys ", {"create", "list", "restrict", "revoke"}),
        ("wanserve keys create --acc", {"--account"}),
        ("wanserve watch --", {"--data-dir", "--json", "--once", "--interval", "--help"}),
        ("wanserve completion ", set(SHELLS)),
        ("wanserve generate --file prom", {"prompts.txt"}),
        ("wanserve serve --data-dir da", {"data"}),
    ],
)
def test_bash_offers_commands_options_and_files(
    scripts: dict[str, Path], tmp_path: Path, line: str, offered: set[str]
) -> None:
    (tmp_path / "prompts.txt").touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "dark.txt").touch()
    assert completed(scripts["bash"], line, tmp_path) >= offered
    if line.rpartition(" ")[2]:
        assert completed(scripts["bash"], line, tmp_path) == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_each_script_names_every_command_and_is_one_of_its_shell(scripts: dict[str, Path], shell: str) -> None:
    text = scripts[shell].read_text()
    assert all(command in text for command in COMMANDS)
    assert "--negative" in text or "-l negative" in text
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n", str(scripts[shell])], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_fish_offers_commands_and_files(scripts: dict[str, Path], tmp_path: Path) -> None:
    """Where fish is there: it completes a line without a terminal."""
    (tmp_path / "prompts.txt").touch()
    program = 'source $argv[1]; complete -C "wanserve gen"; complete -C "wanserve generate --file prom"'
    if shutil.which("fish"):
        offered = subprocess.run(
            ["fish", "--no-config", "-c", program, str(scripts["fish"])],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert [line.partition("\t")[0] for line in offered.stdout.splitlines()] == ["generate", "prompts.txt"]


def test_another_shell_is_wrong_usage() -> None:
    assert wanserve("completion", "cmd").returncode == 2

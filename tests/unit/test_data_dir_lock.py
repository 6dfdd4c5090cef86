"""One server for each data directory: the lock, and what the second one is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wanserve.domain.errors import SetupError
from wanserve.machine.data_dir_lock import lock_data_dir, lock_file, lock_for_migration

HOLD = """
import sys
from pathlib import Path
from wanserve.machine.data_dir_lock import lock_data_dir
with lock_data_dir(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_the_file_has_the_process_id_of_its_holder(tmp_path: Path) -> None:
    with lock_data_dir(tmp_path):
        assert lock_file(tmp_path).read_text() == f"{os.getpid()}\n"


def test_a_longer_process_id_of_an_earlier_holder_is_overwritten_whole(tmp_path: Path) -> None:
    lock_file(tmp_path).write_text("99999999999999\n")
    with lock_data_dir(tmp_path):
        assert lock_file(tmp_path).read_text() == f"{os.getpid()}\n"


def test_the_second_server_is_told_which_directory_and_what_to_do(tmp_path: Path) -> None:
    with (
        lock_data_dir(tmp_path),
        pytest.raises(SetupError, match=f"another wanserve serves {tmp_path}.*--data-dir"),
        lock_data_dir(tmp_path),
    ):
        pass


def test_the_database_of_a_running_server_is_not_migrated(tmp_path: Path) -> None:
    with (
        lock_data_dir(tmp_path),
        pytest.raises(SetupError, match="needs to be migrated"),
        lock_for_migration(tmp_path),
    ):
        pass


def test_the_lock_is_free_after_the_block_also_where_that_failed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock_data_dir(tmp_path):
        raise ZeroDivisionError
    with lock_for_migration(tmp_path), pytest.raises(SetupError), lock_data_dir(tmp_path):
        pass
    with lock_data_dir(tmp_path):
        pass


def test_the_kernel_releases_the_lock_of_a_killed_process(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(SetupError), lock_data_dir(tmp_path):
            pass
        holder.kill()
        holder.wait()
        with lock_data_dir(tmp_path):
            pass

"""The files of counts on a disk that is full: no process ends at one."""

import resource
import subprocess
import sys
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from akhrot_site.counting import Counts

ROOT = Path(__file__).resolve().parents[2]
COUNT = """
import resource, sys
from akhrot_site.counting import Counts
most = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
counts = Counts(sys.argv[1])
for number in range(3000):
    counts.write_value(f"figure {number}", number, 0.0)
print(sum(counts.read_value(f"figure {number}")[0] for number in range(3000)))
"""


def counted(file: Path, room: int) -> str:
    """What a process counts that may make no file longer than `room`, as if the disk were full."""
    command = [sys.executable, "-c", COUNT, str(file), str(room)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_counts_go_on_where_the_disk_is_full(tmp_path: Path):
    everything = str(float(sum(range(3000))))
    assert counted(tmp_path / "whole.db", resource.RLIM_INFINITY) == everything
    assert counted(tmp_path / "none.db", 0) == everything
    assert counted(tmp_path / "some.db", 100_000) == everything
    assert not (tmp_path / "none.db").exists()


def test_a_file_of_counts_has_no_holes_and_is_read_by_others(tmp_path: Path):
    file = tmp_path / "counter_1.db"
    counts = Counts(str(file))
    for number in range(3000):
        counts.write_value(f"figure {number}", number, 0.0)
    counts.close()
    found = file.stat()
    assert found.st_blocks * 512 >= found.st_size > 65_536
    assert len(list(MmapedDict.read_all_values_from_file(str(file)))) == 3000


def test_figures_are_kept_in_such_files():
    assert getattr(values, "MmapedDict") is Counts  # noqa: B009

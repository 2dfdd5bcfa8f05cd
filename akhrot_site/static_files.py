"""Static files from where they lie, with a compressed twin of each text in the data folder.

WhiteNoise looks for twins beside the files, where a step of the installation would have to put them, and where one that
is older than its file would be served. Here a twin is named after its file's time and size: none is out of date.
"""

import gzip
import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

from django.conf import settings
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

LEAST_BYTES = 2_048
"""What is smaller travels in one packet or two as it is."""
TEXTS = (".css", ".js", ".svg")

logger = logging.getLogger(__name__)


class Twinned(StaticFile):  # type: ignore[misc]
    """A file that has its twin made when somebody first takes it compressed."""

    def __init__(self, path: str, headers: Any, stat_cache: Any = None) -> None:
        self.path, self.looked = path, False
        self.alternatives: Any
        super().__init__(path, [*headers, ("Vary", "Accept-Encoding")], stat_cache=stat_cache)

    def get_path_and_headers(self, request_headers: Any) -> Any:
        """The path of what is sent, and its headers."""
        if not self.looked and "gzip" in request_headers.get("HTTP_ACCEPT_ENCODING", ""):
            self._look()
        return super().get_path_and_headers(request_headers)

    def _look(self) -> None:
        _, _, headers = self.alternatives[-1]
        try:
            files = self.get_file_stats(self.path, {"gzip": str(twin(Path(self.path)))}, None)
        except OSError as error:
            logger.warning("no compressed twin of %s: %s", self.path, error)
        else:
            self.alternatives = self.get_alternatives(Headers(headers), files)
        self.looked = True


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise, answering those who take gzip (RFC 9110, section 12.5.3) with the twin."""

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        """As WhiteNoise's. Without a twin, if none can be written."""
        found = super().get_static_file(path, url, stat_cache)
        if not path.endswith(TEXTS) or Path(path).stat().st_size < LEAST_BYTES:
            return found
        _, _, headers = found.alternatives[-1]
        return Twinned(path, headers, stat_cache)


def twin(path: Path) -> Path:
    """The compressed copy of `path` as it is now; made if need be, and older ones are removed. Raises OSError."""
    folder = Path(settings.AKHROT_DATA_DIR) / "compressed"
    folder.mkdir(mode=0o700, exist_ok=True)
    stat = path.stat()
    stem = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    found = folder / f"{stem}-{stat.st_mtime_ns:x}-{stat.st_size:x}.gz"
    if not found.exists():
        for old in folder.glob(f"{stem}-*.gz"):
            old.unlink(missing_ok=True)
        _write(found, gzip.compress(path.read_bytes(), compresslevel=6, mtime=0))
    return found


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: several processes start at once."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise

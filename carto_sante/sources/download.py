"""One file, fetched with resume, retries and checks; the last good copy stays until a better one is whole.

Pooch does the caching, the checksum and the renaming; this module gives it a downloader that resumes (HTTP
range requests guarded by ``If-Range``) and that retries what waiting can mend.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pooch
import requests
import tenacity

from carto_sante import __version__
from carto_sante.errors import OutputError, SourceError
from carto_sante.files import sha256_of
from carto_sante.sources.catalogue import Source
from carto_sante.sources.recognise import check_content, looks_like_html

logger = logging.getLogger("carto_sante")

USER_AGENT = f"carto-sante/{__version__} (+https://github.com/carto-sante/carto-sante)"
_RETRIED_STATUSES = {408, 425, 429, 500, 502, 503, 504}
# What is lost of a cut body is at most one piece.
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Fetched:
    """What a fetch did.

    Attributes
    ----------
    path : str
        Where the file is.
    url : str
        Where it came from, after redirections.
    sha256 : str
    byte_count : int
    last_modified, etag : str
        As the server said, "" when it did not.
    is_new : bool
        False when the copy at hand was still the server's.
    """

    path: str
    url: str
    sha256: str
    byte_count: int
    last_modified: str
    etag: str
    is_new: bool


class _WorthRetryingError(Exception):
    """The server or the line failed in a way that waiting may mend."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def fetch_file(
    source: Source,
    url: str,
    path: Path | str,
    *,
    attempts: int = 5,
    first_wait_s: float = 1.0,
    timeout_s: float = 60.0,
) -> Fetched:
    """Download a file when the server has another one than ours; never replace a good copy by a bad one.

    Parameters
    ----------
    source : Source
        What the file must look like.
    url : str
        Filled address.
    path : path
        Where to keep it. A sidecar ``<name>.source.json`` holds its address, checksum and the server's validators; an
        interrupted download stays in ``.<name>.part`` and is resumed.
    attempts : int, default 5
        How many times in all.
    first_wait_s : float, default 1.0
        Wait after the first failure, doubled each time; a ``Retry-After`` of the server wins.
    timeout_s : float, default 60
        To connect and between two pieces.

    Returns
    -------
    Fetched

    Raises
    ------
    SourceError
        If the source cannot be had or is not what it should be: what the server answered, what was expected.
    OutputError
        If the file cannot be written.
    """
    target = Path(path)
    downloader = _Resuming(source, target, attempts=attempts, first_wait_s=first_wait_s, timeout_s=timeout_s)
    candidate = f".{target.name}.new"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        known = read_sidecar(target)
        if known and downloader.is_still_current(url, known):
            logger.info("%s: the copy at hand is the server's", target.name)
            return Fetched(**{**known, "path": str(target), "is_new": False})
        # Pooch returns an existing file untouched when no checksum is known: start from none.
        (target.parent / candidate).unlink(missing_ok=True)
        fresh = _retrieve(source, url, target.parent, candidate, downloader)
        check_content(fresh, source)
        fresh.replace(target)
    except OSError as error:
        if isinstance(error, requests.RequestException | OutputError):
            raise
        raise OutputError(f"{target} could not be written: {error.strerror or error}.") from error
    finally:
        (target.parent / candidate).unlink(missing_ok=True)
    fetched = Fetched(
        str(target), downloader.final_url, sha256_of(target), target.stat().st_size,
        downloader.validators.get("Last-Modified", ""), downloader.validators.get("ETag", ""), True,
    )  # fmt: skip
    _sidecar(target).write_text(json.dumps(asdict(fetched) | {"path": target.name}, indent=1) + "\n", encoding="utf-8")
    return fetched


def read_sidecar(path: Path) -> dict[str, Any] | None:
    """Return what is known of a copy at hand, when it is still the file that was fetched."""
    sidecar = _sidecar(path)
    if not path.is_file() or not sidecar.is_file():
        return None
    try:
        known: dict[str, Any] = json.loads(sidecar.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return known if known.get("sha256") == sha256_of(path) else None


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".source.json")


def _retrieve(source: Source, url: str, folder: Path, name: str, downloader: _Resuming) -> Path:
    pooch.get_logger().setLevel("WARNING")
    try:
        return Path(
            pooch.retrieve(url, known_hash=source.sha256 or None, fname=name, path=folder, downloader=downloader)
        )
    except ValueError as error:  # pooch's word for a checksum that differs
        raise SourceError(
            f"{source.key}: the checksum of the file is not the one pinned in the study.",
            expected=f"SHA-256 {source.sha256}",
            next_step=f"The producer published another file: check it, then pin its checksum. {error}",
        ) from error


class _Resuming:
    """Downloader for pooch: resumes, retries, shows progress."""

    def __init__(self, source: Source, target: Path, *, attempts: int, first_wait_s: float, timeout_s: float) -> None:
        self.source = source
        self.part = target.with_name(f".{target.name}.part")
        self.attempts, self.first_wait_s, self.timeout_s = attempts, first_wait_s, timeout_s
        self.validators: dict[str, str] = {}
        self.final_url = ""
        self.session = requests.Session()
        self.session.headers["User-Agent"] = USER_AGENT
        # Byte ranges count bytes of the file, not of a compressed transfer.
        self.session.headers["Accept-Encoding"] = "identity"

    def is_still_current(self, url: str, known: dict[str, Any]) -> bool:
        """Ask the server whether the copy at hand is its own (304), when it gave validators."""
        headers = {}
        if known.get("etag"):
            headers["If-None-Match"] = known["etag"]
        elif known.get("last_modified"):
            headers["If-Modified-Since"] = known["last_modified"]
        if not headers:
            return False
        try:
            with self.session.get(url, headers=headers, stream=True, timeout=self.timeout_s) as answer:
                return answer.status_code == 304
        except requests.RequestException:
            return False  # the download that follows will retry, and say what is wrong

    def __call__(self, url: str, output_file: str, _pooch: Any, check_only: bool = False) -> bool | None:
        """Download into ``output_file`` (pooch's downloader protocol)."""
        if check_only:
            return True
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_WorthRetryingError),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=self._wait,
            before_sleep=lambda state: logger.warning(
                "%s: %s; trying again (%d of %d)",
                self.source.key, state.outcome and state.outcome.exception(), state.attempt_number + 1, self.attempts,
            ),
            reraise=True,
        )  # fmt: skip
        try:
            retrying(self._attempt, url)
        except _WorthRetryingError as error:
            raise SourceError(
                f"{self.source.key}: {error}, {self.attempts} times.",
                expected=f"the file of {url}",
                next_step="Check the network, or try again later: what was received is kept and will be resumed.",
            ) from error
        self.part.replace(output_file)
        self._part_note.unlink(missing_ok=True)
        return None

    @property
    def _part_note(self) -> Path:
        return self.part.with_name(self.part.name + ".json")

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, _WorthRetryingError) else None
        return asked if asked is not None else min(60.0, self.first_wait_s * 2 ** (state.attempt_number - 1))

    def _attempt(self, url: str) -> None:
        have, validator = self._resumable(url)
        headers = {"Range": f"bytes={have}-", "If-Range": validator} if have else {}
        try:
            with self.session.get(url, headers=headers, stream=True, timeout=self.timeout_s) as answer:
                self._refuse(answer, url)
                self._receive(answer, url, have if answer.status_code == 206 else 0)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _WorthRetryingError(f"the connection failed ({type(error).__name__})") from error

    def _resumable(self, url: str) -> tuple[int, str]:
        try:
            note = json.loads(self._part_note.read_text(encoding="utf-8"))
            have = self.part.stat().st_size
        except (OSError, ValueError):
            return 0, ""
        validator = note.get("validator", "")
        # A weak validator does not promise the same bytes (RFC 9110, 13.1.5).
        usable = note.get("url") == url and validator and not validator.startswith("W/")
        return (have, validator) if usable else (0, "")

    def _refuse(self, answer: requests.Response, url: str) -> None:
        status = answer.status_code
        if status in (200, 206):
            return
        if status == 416:  # what we hold is longer than the file: start again
            self._part_note.unlink(missing_ok=True)
            raise _WorthRetryingError("the partial copy does not fit the server's file")
        if status in _RETRIED_STATUSES:
            asked = answer.headers.get("Retry-After", "")
            raise _WorthRetryingError(
                f"the server answered {status} {answer.reason}", min(float(asked), 300.0) if asked.isdigit() else None
            )
        raise SourceError(
            f"{self.source.key}: the server answered {status} {answer.reason} for {url}.",
            expected="200 and the file",
            next_step=f"The address may have changed: see {self.source.page}",
        )

    def _receive(self, answer: requests.Response, url: str, have: int) -> None:
        self.validators = {k: answer.headers[k] for k in ("ETag", "Last-Modified") if k in answer.headers}
        self.final_url = answer.url
        validator = self.validators.get("ETag") or self.validators.get("Last-Modified", "")
        self._part_note.write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")
        length = int(answer.headers.get("Content-Length") or 0)
        with self.part.open("ab" if have else "wb") as stream, _bar(self.source.key, have + length, have) as advance:
            is_start = have == 0
            for piece in answer.iter_content(_CHUNK_BYTES):
                if is_start and looks_like_html(piece) and self.source.format != "html":
                    raise _WorthRetryingError("the server answered with a web page instead of the file")
                is_start = False
                stream.write(piece)
                advance(len(piece))
        received = self.part.stat().st_size
        if length and received != have + length:
            raise _WorthRetryingError(f"the body was cut at {received:,} of {have + length:,} bytes")


class _bar:
    """A rich progress bar on a terminal, nothing elsewhere."""

    def __init__(self, label: str, total: int, have: int) -> None:
        self._progress: Any = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

            columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._progress.add_task(label, total=total or None, completed=have)

    def __enter__(self) -> Any:
        if self._progress is None:
            return lambda _count: None
        self._progress.start()
        return lambda count: self._progress.advance(self._task, count)

    def __exit__(self, *_error: object) -> None:
        if self._progress is not None:
            self._progress.stop()

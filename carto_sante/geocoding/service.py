"""The national geocoding service, by its CSV batch endpoint, or any addok that speaks the same way.

Source: IGN, "Service Géoplateforme de géocodage" (successor of api-adresse.data.gouv.fr): ``POST
https://data.geopf.fr/geocodage/search/csv``, multipart, parameters ``data``, ``columns`` (repeated), ``citycode``,
``postcode``, ``lat``, ``lon`` (names of columns); 50 requests a second for each address, 429 beyond, then blocked for
5 seconds; a file of at most 50 MB and 200,000 rows. It filters on a commune code or a postcode, never both
(BaseAdresseNationale/adresse.data.gouv.fr, issue 64).
"""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carto_sante.errors import InputError, SourceError
from carto_sante.files import whole_file
from carto_sante.geocoding.gazetteer import ARRONDISSEMENTS, label_key
from carto_sante.geocoding.grammar import is_foreign, parse_address
from carto_sante.geocoding.local import Answer, Request, refused
from carto_sante.geocoding.text import MAX_ADDRESS_LENGTH

#: CSV batch endpoint of the Géoplateforme.
GEOPLATEFORME_URL = "https://data.geopf.fr/geocodage/search/csv"

_RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_PRECISIONS = {
    "housenumber": "housenumber", "interpolation": "interpolated", "street": "street", "locality": "locality",
    "municipality": "municipality", "city": "municipality", "town": "municipality", "village": "municipality",
}  # fmt: skip
_WHOLE_OF = {part: whole for whole, parts in ARRONDISSEMENTS.items() for part in parts}
_FILTERS = ("citycode", "postcode", "")


class _BadAnswerError(Exception):
    """The service answered, but not with what was asked for; worth another try."""


@dataclass(frozen=True)
class ServiceGeocoder:
    """Places addresses by asking the service.

    Parameters
    ----------
    url : str
        The CSV endpoint.
    batch_rows : int, default 1000
        Rows of each request; at most 200,000.
    max_requests_per_s : float, default 20
        Requests a second; the service refuses more than 50.
    timeout_s : float, default 300
        Longest wait for one answer.
    attempts : int, default 5
        Tries of each batch, the wait between them doubling from ``backoff_s``.
    backoff_s : float, default 2
        First wait; the service's own Retry-After prevails.
    resume_folder : path, optional
        Answers are kept there until all have come: a run that was interrupted sends only what is left.
    min_score : float, default 0.4
        Answers scored below are refused.

    Examples
    --------
    >>> service = ServiceGeocoder(batch_rows=500)
    >>> service.url
    'https://data.geopf.fr/geocodage/search/csv'
    """

    url: str = GEOPLATEFORME_URL
    batch_rows: int = 1000
    max_requests_per_s: float = 20.0
    timeout_s: float = 300.0
    attempts: int = 5
    backoff_s: float = 2.0
    resume_folder: Path | None = None
    min_score: float = 0.4
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {value}, expected {expected}"
            for name, value, is_wrong, expected in (
                ("batch_rows", self.batch_rows, not 1 <= self.batch_rows <= 200_000, "1 to 200000"),
                ("max_requests_per_s", self.max_requests_per_s, not 0 < self.max_requests_per_s <= 50, "0 to 50"),
                ("attempts", self.attempts, self.attempts < 1, "1 or more"),
                ("timeout_s", self.timeout_s, self.timeout_s <= 0, "more than 0"),
                ("backoff_s", self.backoff_s, self.backoff_s < 0, "0 or more"),
            )
            if is_wrong
        ]
        if not self.url.startswith(("http://", "https://")):
            problems.append(f"url is {self.url!r}, expected http:// or https://")
        if problems:
            raise InputError("The geocoding service cannot be used: " + "; ".join(problems) + ".")

    def locate(self, requests: Sequence[Request]) -> list[Answer]:
        """Place addresses, in order.

        Raises
        ------
        SourceError
            If a batch fails after every attempt; batches already answered are kept in ``resume_folder``.
        """
        answers: list[Answer | None] = [None] * len(requests)
        groups: dict[tuple[str, bool], list[tuple[int, list[str]]]] = {}
        for row, request in enumerate(requests):
            refusal = _refusal(request)
            if refusal:
                answers[row] = refused(refusal)
                continue
            kind, line = _line(request)
            groups.setdefault((kind, request.near is not None), []).append((row, line))
        kept: list[Path] = []
        last = 0.0
        for (kind, has_hint), lines in sorted(groups.items()):
            for start in range(0, len(lines), self.batch_rows):
                batch = lines[start : start + self.batch_rows]
                rows, last = self._ask(batch, kind, has_hint, kept, last)
                for (row, _), found in zip(batch, rows, strict=True):
                    answers[row] = self._judge(requests[row], found)
        for path in kept:
            path.unlink(missing_ok=True)
        return [answer if answer is not None else refused("no answer") for answer in answers]

    def _ask(
        self, batch: list[tuple[int, list[str]]], kind: str, has_hint: bool, kept: list[Path], last: float
    ) -> tuple[list[dict[str, str]], float]:
        """Return the answer's rows for one batch, from the resume folder when it came before."""
        body = _body(batch)
        path = None
        if self.resume_folder is not None:
            digest = hashlib.sha256(f"{self.url} {kind} {has_hint}\n".encode() + body).hexdigest()
            path = Path(self.resume_folder) / f"batch-{digest[:32]}.csv"
            kept.append(path)
            if path.is_file():
                try:
                    return list(_rows(path.read_text(encoding="utf-8"), len(batch))), last
                except _BadAnswerError:
                    path.unlink()
        text, last = self._post(body, kind, has_hint, len(batch), last)
        if path is not None:
            with whole_file(path) as part:
                part.write_text(text, encoding="utf-8", newline="")
        return list(_rows(text, len(batch))), last

    def _post(self, body: bytes, kind: str, has_hint: bool, count: int, last: float) -> tuple[str, float]:
        import requests

        fields = [("columns", "address"), ("columns", "city")]
        fields += [(kind, "filter")] if kind else []
        fields += [("lat", "lat"), ("lon", "lon")] if has_hint else []
        problem = ""
        for attempt in range(self.attempts):
            pause = last + 1.0 / self.max_requests_per_s - time.monotonic()
            if pause > 0:
                self.sleep(pause)
            last = time.monotonic()
            wait = self.backoff_s * 2**attempt
            try:
                answer = requests.post(
                    self.url, files={"data": ("addresses.csv", body, "text/csv")}, data=fields, timeout=self.timeout_s
                )
                if answer.status_code == 200:
                    text = answer.content.decode("utf-8-sig", errors="replace")
                    for _ in _rows(text, count):
                        pass
                    return text, last
                problem = f"status {answer.status_code}: {answer.text[:200]!r}"
                if answer.status_code not in _RETRIED_STATUSES:
                    break
                wait = max(wait, _retry_after(answer.headers))
            except _BadAnswerError as error:
                problem = str(error)
            except requests.RequestException as error:
                problem = f"{type(error).__name__}: {error}"
            if attempt + 1 < self.attempts:
                self.sleep(wait)
        raise SourceError(
            f"The geocoding service {self.url} failed: {problem}.",
            expected=f"a CSV of {count} rows with latitude, longitude and result_score",
            next_step="Run again later: what was answered is kept. Or use a local reference (the BAN's CSV)."
            if self.resume_folder is not None
            else "Run again later, with a resume folder; or use a local reference (the BAN's CSV).",
        )

    def _judge(self, request: Request, found: dict[str, str]) -> Answer:
        """Turn one row of the answer into a result, refusing what contradicts the request."""
        try:
            lon, lat, score = (float(found[name]) for name in ("longitude", "latitude", "result_score"))
        except ValueError:
            return refused(f"not found by the service ({found.get('result_status') or 'no result'})")
        label, code = found.get("result_label", ""), found.get("result_citycode", "")
        contradiction = _contradiction(request, found)
        if contradiction:
            return refused(f"contradiction: {contradiction}; the service found {label}")
        if score < self.min_score:
            return refused(f"score {score:.2f} of the service is too low: {label}")
        precision = _PRECISIONS.get(found.get("result_type", ""), "locality")
        asked = parse_address(request.address)
        reason = ""
        if precision == "street" and asked.number >= 0:
            reason = "number not in the reference"
        elif precision == "municipality" and asked.street:
            reason = f"no street like {' '.join(asked.street)!r} found"
        return Answer(
            lon, lat, precision, min(score, 1.0), precision, label, found.get("result_id", ""), code, reason
        )  # fmt: skip


def _refusal(request: Request) -> str:
    if len(request.address) > MAX_ADDRESS_LENGTH:
        return f"address longer than {MAX_ADDRESS_LENGTH} characters"
    parsed = parse_address(request.address)
    if not (parsed.street or parsed.tail or parsed.postcode or request.commune_label):
        return "empty address" if not (request.postcode or request.commune_code) else "no street in the address"
    if not request.commune_code and not request.postcode and is_foreign(parsed):
        return "foreign address"
    return ""


def _line(request: Request) -> tuple[str, list[str]]:
    """Return the filter of a request and its line: address, city, filter, lat, lon."""
    parsed = parse_address(request.address)
    number = f"{parsed.number}{parsed.suffix.lower()} " if parsed.number >= 0 else ""
    address = f"{number}{' '.join(parsed.street)}".strip()
    city = request.commune_label or " ".join(parsed.tail)
    postcode = request.postcode or parsed.postcode
    lon, lat = (f"{value:.6f}" for value in request.near) if request.near else ("", "")
    if request.commune_code and request.commune_code not in ARRONDISSEMENTS:
        return "citycode", [address, city, request.commune_code, lat, lon]
    if postcode:
        return "postcode", [address, city, postcode, lat, lon]
    return "", [address, city, "", lat, lon]


def _body(batch: list[tuple[int, list[str]]]) -> bytes:
    stream = io.StringIO()
    lines = csv.writer(stream, lineterminator="\n")
    lines.writerow(["line", "address", "city", "filter", "lat", "lon"])
    for place, (_, line) in enumerate(batch):
        lines.writerow([place, *line])
    return stream.getvalue().encode("utf-8")


def _rows(text: str, count: int) -> Iterator[dict[str, str]]:
    """Yield the rows of an answer, checking that they are those that were sent, in order."""
    lines = csv.DictReader(io.StringIO(text))
    missing = {"line", "latitude", "longitude", "result_score"} - set(lines.fieldnames or ())
    if missing:
        raise _BadAnswerError(f"the answer is no such CSV (it starts with {text[:80]!r})")
    seen = 0
    for row in lines:
        if row["line"] != str(seen) or None in row.values():
            raise _BadAnswerError(f"row {seen} of the answer is row {row['line']!r} of the question, or is cut")
        seen += 1
        yield row
    if seen != count:
        raise _BadAnswerError(f"the answer has {seen} rows")


def _retry_after(headers: Any) -> float:
    try:
        return min(float(headers.get("Retry-After", 0)), 120.0)
    except ValueError:
        return 0.0


def _contradiction(request: Request, found: dict[str, str]) -> str:
    """Say how a result contradicts the commune that was asked for, or return an empty text."""
    code = found.get("result_citycode", "")
    known = {code, _WHOLE_OF.get(code, ""), found.get("result_oldcitycode", "")} - {""}
    if request.commune_code:
        asked = {request.commune_code, _WHOLE_OF.get(request.commune_code, request.commune_code)}
        return "" if known & asked else f"the registry says commune {request.commune_code}"
    if request.postcode and code:
        department = code[:3] if code.startswith("97") else code[:2]
        department = "20" if department in {"2A", "2B"} else department
        if not request.postcode.startswith(department):
            return f"the registry says postcode {request.postcode}"
    if request.commune_label:
        wanted = label_key(request.commune_label)
        names = {label_key(found.get(name) or "") for name in ("result_city", "result_oldcity", "result_district")}
        names |= {name.partition(" ")[0] for name in names if name[-1:].isdigit()}
        if wanted not in names and wanted.partition(" ")[0] not in names:
            return f"the registry says {request.commune_label}"
    return ""

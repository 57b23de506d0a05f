"""2,000 damaged registries: never a traceback, never a silent wrong table.

Each mutation damages a sound file (random bytes, cut lines, wrong separators, quotes, a 10 MB line, NUL, nothing
left). The reader must either refuse it with a `CartoSanteError`, or return a ledger that accounts for every line and a
table in which the rows of the lines left untouched are exactly what they were, and every code has its form.
"""

from __future__ import annotations

import json
import random
import re

import pandas as pd
import pytest

from carto_sante.errors import CartoSanteError
from carto_sante.registries.ameli import read_ameli
from carto_sante.registries.bpe import read_bpe
from carto_sante.registries.finess import read_finess
from carto_sante.registries.rpps import read_rpps
from tests.registry_files import activity, raw_finess_line, rpps_text
from tests.test_registries_finess import structures

MUTATIONS_PER_LAYOUT = 400
FORMS = {
    "commune_code": r"(\d{2}|2A|2B)\d{3}",
    "postcode": r"\d{5}",
    "siret": r"\d{14}",
    "finess_et_id": r"\d[\dAB]\d{7}",
    "practitioner_id": r"[0-9A-Z]{9,13}|ameli:[0-9a-f]{16}",
    "profession_code": r"\d{1,3}",
    "category_code": r".+",
}


def _rpps():
    rows = [activity(n, street_number=str(n), structure_label=f"CABINET N° {n} ÉTÉ") for n in range(1, 13)]
    return rpps_text(rows).encode(), read_rpps, ["practitioner_id"], 1


def _finess():
    lines = [
        "finess;etalab;1;2026-05-12",
        *(raw_finess_line(f"35000{n:04d}", f3=f"CENTRE {n} É") for n in range(1, 13)),
    ]
    lines += [f"geolocalisation;35000{n:04d};35179{n % 10}.5;6789353.4;1,X,EPSG:2154;2026" for n in range(1, 13)]
    return ("\n".join(lines) + "\n").encode(), read_finess, ["facility_id"], 1


def _ameli():
    lines = [f"H;NOM{n};PRÉNOM;;;{n} RUE DU PORT;;35000;RENNES;;45;;3;c1;N;O;G__;" + ";" * 15 for n in range(1, 13)]
    return ("\n".join(lines) + "\n").encode(), read_ameli, ["last_name", "first_name"], 0


def _bpe():
    lines = ["AN;TYPEQU;DEPCOM;LAMBERT_X;LAMBERT_Y;QUALITE_XY"]
    lines += [f"2023;D265;35238;3517{n:02d}.5;6789353.4;Bonne" for n in range(1, 13)]
    return ("\n".join(lines) + "\n").encode(), read_bpe, ["facility_id"], 1


def _plus():
    whole = structures()
    whole["pmej"] = [
        {
            **whole["pmej"][0],
            "ege": [json.loads(json.dumps(whole["pmej"][0]["ege"][0]).replace("350000001", f"35000{n:04d}"))],
        }
        for n in range(1, 13)
    ]
    return json.dumps(whole, indent=1, ensure_ascii=False).encode(), read_finess, ["facility_id"], None


LAYOUTS = {"rpps": _rpps, "finess": _finess, "ameli": _ameli, "bpe": _bpe, "finess_plus": _plus}


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Damage a file once to three times."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = rng.choice(KINDS)(data, rng)
    return data


def _random_bytes(data, rng):
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randrange(1, 30)) + data[at + rng.randrange(0, 30) :]


def _flip(data, rng):
    values = bytearray(data)
    for _ in range(rng.randrange(1, 8)):
        if values:
            values[rng.randrange(len(values))] = rng.randrange(256)
    return bytes(values)


def _cut(data, rng):
    return data[: rng.randrange(len(data) + 1)]


def _cut_line(data, rng):
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    lines[number] = lines[number][: rng.randrange(len(lines[number]) + 1)]
    return b"\n".join(lines)


def _separators(data, rng):
    old = rng.choice((b"|", b";", b",", b"\n"))
    new = rng.choice((b"\t", b"|", b";", b",", b""))
    if rng.random() < 0.5:
        return data.replace(old, new)
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    lines[number] = lines[number].replace(old, new)
    return b"\n".join(lines)


def _insert(*choices):
    def insert(data, rng):
        at, what = rng.randrange(len(data) + 1), rng.choice(choices)
        return data[:at] + what + data[at:]

    return insert


def _shuffle(data, rng):
    lines = data.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


def _drop_or_repeat(data, rng):
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    lines[number : number + 1] = [lines[number]] * rng.choice((0, 2, 5))
    return b"\n".join(lines)


def _encoding(data, rng):
    text = data.decode("utf-8", errors="replace")
    return rng.choice(
        (
            lambda: text.encode("utf-16"),
            lambda: text.encode("cp1252", errors="replace"),
            lambda: text.encode("utf-8-sig"),
            lambda: text.replace("\n", "\r\n").encode(),
            lambda: text.replace("\n", "\r").encode(),
        )
    )()


KINDS = [
    _random_bytes, _flip, _cut, _cut_line, _separators, _shuffle, _drop_or_repeat, _encoding,
    _insert(b'"', b'""', b"'", b'";"'), _insert(b"\0", b"\0\0\0", b"\x1a"), _insert(b"\n", b"\r", b"\n\n\n", b"\r\n"),
    _insert("\u2028".encode(), "é".encode("cp1252"), "\ufffd".encode(), b"\xff\xfe"),
]  # fmt: skip


def comparable(table: pd.DataFrame, key: list[str]) -> dict[tuple, list[tuple]]:
    """Rows by key, without the number of the line."""
    values = pd.DataFrame(table.drop(columns=["source_row", "source", "act_count"], errors="ignore"))
    values = values.astype(str)
    found: dict[tuple, list[tuple]] = {}
    for row in values.to_dict("records"):
        found.setdefault(tuple(row[name] for name in key), []).append(tuple(row.values()))
    return found


def touched_keys(before: bytes, after: bytes, expected: dict[tuple, list[tuple]]) -> set[tuple]:
    """Keys of the rows whose own lines changed, or that other lines may now claim."""
    intact = set(after.replace(b"\r\n", b"\n").split(b"\n")) & set(before.split(b"\n"))
    lines = before.split(b"\n")
    texts = [line.decode("utf-8", errors="replace") for line in lines]
    touched = set()
    for key in expected:
        mine = [
            line
            for line, text in zip(lines, texts, strict=True)
            if re.search(rf"(?<!\w){re.escape(key[0])}(?!\w)", text)
        ]
        if not all(line in intact for line in mine):
            touched.add(key)
    return touched


def check(name: str, before: bytes, after: bytes, reader, key, header, path, expected) -> str:
    path.write_bytes(after)
    try:
        table, ledger = reader(path)
    except CartoSanteError as error:
        return "refused" if len(str(error)) > 20 else f"refused without a sentence: {error}"
    ledger.check()
    assert len(table) > 0
    if header is not None and not after.startswith((b"\xff\xfe", b"\xfe\xff")):
        lines = after.split(b"\n")
        # A raw FINESS file may have lost its title: its first line is then a row.
        is_titled = name != "finess" or after.removeprefix(b"\xef\xbb\xbf").startswith((b"finess;", b'"finess"'))
        assert sum(ledger.rows_read.values()) == len(lines) - (lines[-1] == b"") - header * is_titled
    for column, form in FORMS.items():
        if column in table:
            assert table[column].dropna().str.fullmatch(form).all(), column
    found = comparable(table, key)
    if name != "bpe" and name != "finess_plus":
        for row_key in set(expected) & set(found) - touched_keys(before, after, expected):
            assert set(expected[row_key]) & set(found[row_key]), f"{row_key} changed without a change in its line"
    return "read"


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_damaged_files(name, tmp_path):
    before, reader, key, header = LAYOUTS[name]()
    path = tmp_path / f"{name}.txt"
    path.write_bytes(before)
    expected = comparable(reader(path).table, key)
    assert len(expected) == 12
    rng = random.Random(f"carto_sante {name}")
    outcomes = [
        check(name, before, mutate(before, rng), reader, key, header, path, expected)
        for _ in range(MUTATIONS_PER_LAYOUT)
    ]
    # The mutations must reach both ends, or they test nothing.
    assert set(outcomes) == {"read", "refused"}
    assert outcomes.count("read") > 20
    assert outcomes.count("refused") > 20


@pytest.mark.parametrize("name", ["rpps", "finess", "ameli", "bpe"])
@pytest.mark.parametrize("filling", [b"x", b";", b"|", b'"'])
def test_a_line_of_10_mb(name, filling, tmp_path):
    before, reader, key, _ = LAYOUTS[name]()
    path = tmp_path / f"{name}.txt"
    path.write_bytes(before)
    expected = comparable(reader(path).table, key)
    path.write_bytes(before + filling * 10_000_000 + b"\n")
    table, ledger = reader(path)
    assert comparable(table, key) == expected
    assert ledger.total("rejected") == 1


@pytest.mark.parametrize("name", list(LAYOUTS))
@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\0" * 100, b"\xef\xbb\xbf", b"<html><body>Service Unavailable</body></html>", b"{}", b"[" * 100_000],
)
def test_nothing_left(name, content, tmp_path):
    _, reader, _, _ = LAYOUTS[name]()
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    with pytest.raises(CartoSanteError):
        reader(path)


def test_no_line_end(tmp_path, monkeypatch):
    from carto_sante.registries import _lines

    before, reader, _, _ = LAYOUTS["rpps"]()
    path = tmp_path / "x.txt"
    monkeypatch.setattr(_lines.sift, "__kwdefaults__", {**_lines.sift.__kwdefaults__, "chunk_bytes": 1_000_000})
    with path.open("wb") as stream:
        stream.write(before.partition(b"\n")[0] + b"\n")
        stream.seek(65 * 1024 * 1024, 1)
        stream.write(b"x")
    with pytest.raises(CartoSanteError, match="64 MB"):
        reader(path)

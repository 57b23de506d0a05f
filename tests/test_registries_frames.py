"""Columns handed between polars and pandas: the same values, and no column remembered for what it no longer is."""

from __future__ import annotations

import gc

import polars as pl
from polars.testing import assert_frame_equal

from carto_sante.registries import _frames


def sample():
    return pl.DataFrame({"code": ["01004", None, "é"], "number": [1, 2, 3], "share": [0.5, None, 1.0]})


def test_there_and_back_is_the_same_and_copies_no_text():
    frame = sample()
    table = _frames.to_pandas(frame)
    assert_frame_equal(_frames.to_polars(table), frame)
    assert _frames._remembered(table["code"]) is not None
    assert _frames._remembered(table.rename(columns={"code": "commune_code"})["commune_code"]) is not None


def test_what_pandas_changed_comes_back_changed():
    table = _frames.to_pandas(sample())
    other = table.copy()
    table.loc[0, "code"] = "99999"
    other["code"] = other["code"].str.upper()
    assert _frames.to_polars(table)["code"].to_list() == ["99999", None, "é"]
    assert _frames.to_polars(other)["code"].to_list() == ["01004", None, "É"]
    assert _frames.to_polars(table[table["number"] > 1])["code"].to_list() == [None, "é"]
    assert _frames.to_polars(table.sort_values("number", ascending=False))["code"].to_list() == ["é", None, "99999"]


def test_columns_are_forgotten_with_their_tables():
    gc.collect()
    before = len(_frames._MADE_FROM)
    table = _frames.to_pandas(sample())
    assert len(_frames._MADE_FROM) == before + 1
    del table
    gc.collect()
    assert len(_frames._MADE_FROM) == before

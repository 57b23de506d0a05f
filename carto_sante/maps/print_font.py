"""The font of printed pages, and the width of a text in it.

A PDF carries the glyphs it uses. Taking them out of the whole DejaVu Sans (matplotlib's own) is most of the time of a
page, because of its layout tables and its 6,000 glyphs; taking them out of a copy that has the Latin letters only, made
once per run, is quick. Any other letter (a name in Greek) still comes from the whole font.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

#: The licence of DejaVu (Bitstream Vera) asks that a changed font has another name.
FAMILY = "Carto Sante Sans"
WHOLE_FAMILY = "DejaVu Sans"
_LATIN = [*range(0x20, 0x250), *range(0x2000, 0x2070), *range(0x20A0, 0x20C0), 0x2122, 0x2190, 0x2192, 0x2212, 0x2260,
          0x2264, 0x2265]  # fmt: skip
_DROPPED = ["GSUB", "GPOS", "GDEF", "kern", "FFTM"]


@cache
def print_families() -> tuple[str, ...]:
    """Return the families of printed pages, by preference, after making the light copies known to matplotlib."""
    from matplotlib import font_manager, get_data_path

    folder = Path(tempfile.mkdtemp(prefix="carto-sante-fonts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"):
        light = folder / f"CartoSante-{name}"
        _write_light_font(Path(get_data_path()) / "fonts" / "ttf" / name, light)
        font_manager.fontManager.addfont(light)
    return (FAMILY, WHOLE_FAMILY)


def text_width(text: str, *, size_pt: float, weight: str = "normal") -> float:
    """Return the width of a text (its widest line) in points, as printed pages write it."""
    lines = text.split("\n")
    return max(_line_width(line, weight) for line in lines) * size_pt


@cache
def _line_width(text: str, weight: str) -> float:
    from matplotlib.font_manager import FontProperties

    # At 100 points and 72 dots per inch: widths are then in hundredths of the size.
    properties = FontProperties(family=list(print_families()), size=100, weight=weight)
    width, _, _ = _renderer().get_text_width_height_descent(text, properties, False)
    return float(width) / 100


@cache
def _renderer() -> Any:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(1, 1, 72)


def _write_light_font(source: Path, target: Path) -> None:
    from fontTools import subset

    options = subset.Options(layout_features=[], notdef_outline=True, glyph_names=True, recalc_timestamp=False)
    options.drop_tables += _DROPPED
    subsetter = subset.Subsetter(options=options)
    subsetter.populate(unicodes=_LATIN)
    with subset.load_font(str(source), options) as font:
        subsetter.subset(font)
        for record in font["name"].names:
            text = record.toUnicode()
            if record.nameID in (1, 3, 4, 6, 16):
                name = FAMILY.replace(" ", "") if record.nameID == 6 else FAMILY
                record.string = text.replace("DejaVuSans", name).replace(WHOLE_FAMILY, name)
        subset.save_font(font, str(target), options)

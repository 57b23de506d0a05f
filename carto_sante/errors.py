"""What went wrong, in a sentence: what was found, what was expected, what to do next.

Every error of the package derives from `CartoSanteError`, and each child is also the builtin a caller
would think of (`ValueError`, `LookupError`, ...). The class says who has to act, hence the exit code of
the commands: 1 our fault, 2 the user's input, 3 a check stopped the run.
"""

from __future__ import annotations

from collections.abc import Iterable


class CartoSanteError(Exception):
    """Base of every error raised on purpose.

    Parameters
    ----------
    found : str
        What was found, naming the file, the column or the value.
    expected : str, optional
        What was expected instead.
    next_step : str, optional
        What to do now.

    Examples
    --------
    >>> str(InputError("quartiers.shp has no CRS.", expected="a metric CRS", next_step="Declare it in the study."))
    'quartiers.shp has no CRS. Expected: a metric CRS. Declare it in the study.'
    """

    exit_code = 1

    def __init__(self, found: str, *, expected: str = "", next_step: str = "") -> None:
        self.found, self.expected, self.next_step = found, expected, next_step
        parts = [found]
        if expected:
            parts.append(f"Expected: {expected.rstrip('.')}.")
        if next_step:
            parts.append(next_step)
        super().__init__(" ".join(parts))


class InputError(CartoSanteError, ValueError):
    """A value, a table or a file given by the user cannot be used as it is."""

    exit_code = 2


class StudyError(InputError):
    """The study file has problems; the message lists all of them, each with its place."""


class SchemaError(InputError):
    """A table lacks columns or holds values that its schema forbids; the message lists all problems."""


class CRSError(InputError):
    """The CRS is missing, geographic where metres are needed, or differs between tables."""


class FileFormatError(InputError):
    """A file is empty, cut, damaged, or not in a layout that is known."""


class MissingFileError(InputError, FileNotFoundError):
    """A file named by the user does not exist."""

    def __str__(self) -> str:  # FileNotFoundError would print its errno form
        """Return the sentence."""
        return " ".join(str(argument) for argument in self.args)


class UnknownNameError(InputError, LookupError):
    """A name (profession, definition, level, column...) is not in its catalogue."""


class NoResultError(InputError, LookupError):
    """The inputs are valid but leave nothing to compute on."""


class CheckError(CartoSanteError):
    """A check stopped the run; the previous output is intact."""

    exit_code = 3


class LedgerError(CheckError):
    """Rows read do not equal rows kept, merged and rejected."""


class ToleranceError(CheckError):
    """A measured error, gap or drift is above its tolerance."""


class SourceError(CheckError):
    """A source is missing, late, shrunk or of a changed layout."""


class OutputError(CartoSanteError, OSError):
    """An output could not be written; what was there before is intact."""

    exit_code = 1

    def __str__(self) -> str:
        """Return the sentence."""
        return " ".join(str(argument) for argument in self.args)


def join_problems(problems: Iterable[str], *, most: int = 30) -> str:
    """Write a list of problems, one per line, saying how many were left off.

    Examples
    --------
    >>> print(join_problems(["a is missing", "b is negative"]))
    - a is missing
    - b is negative
    """
    items = list(problems)
    lines = [f"- {item}" for item in items[:most]]
    if len(items) > most:
        lines.append(f"- and {len(items) - most} more")
    return "\n".join(lines)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a sentence naming the known values, the closest first when there is one.

    Examples
    --------
    >>> suggest("dentiste", ["dentist", "nurse"])
    'Did you mean "dentist"? Known: dentist, nurse.'
    """
    from difflib import get_close_matches

    names = [str(item) for item in known]
    close = get_close_matches(name, names, n=1)
    hint = f'Did you mean "{close[0]}"? ' if close else ""
    shown = ", ".join(names[:40]) + (f" and {len(names) - 40} more" if len(names) > 40 else "")
    return f"{hint}Known: {shown}."

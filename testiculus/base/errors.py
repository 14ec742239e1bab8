"""Problems a person can act on: what was wrong, where, what to do.

`UserError` is for bad input; the command line prints it and exits with status 2. `InputWarning` is
for input that is odd but usable.
"""

from collections.abc import Collection, Iterable
from difflib import get_close_matches


class UserError(Exception):
    """A problem in what the user gave us, worded for that user.

    >>> print(UserError("no such profile", where="PROFILE=big", remedy="choose smoke or demo"))
    no such profile
      where:  PROFILE=big
      remedy: choose smoke or demo
    """

    def __init__(self, what: str, where: str = "", remedy: str = ""):
        self.what, self.where, self.remedy = what, where, remedy
        lines = [what]
        lines += [f"  where:  {where}"] if where else []
        lines += [f"  remedy: {remedy}"] if remedy else []
        super().__init__("\n".join(lines))


SHOWN_PROBLEMS = 50  # a longer list scrolls the headline off the screen


class InputProblems(UserError):
    """Several problems found in one pass over an input: `.problems` holds all of them.

    The message shows the first 50 and says how many more there are.

    >>> print(InputProblems("2 problems in a.csv", ["row 3: no image", "row 9: no organ"]))
    2 problems in a.csv
      - row 3: no image
      - row 9: no organ
    """

    def __init__(self, headline: str, problems: Iterable[str], remedy: str = ""):
        self.problems = list(problems)
        lines = [headline, *(f"  - {problem}" for problem in self.problems[:SHOWN_PROBLEMS])]
        more = len(self.problems) - SHOWN_PROBLEMS
        lines += [f"  - and {more} more like these"] if more > 0 else []
        super().__init__("\n".join(lines), "", remedy)


class InputWarning(UserWarning):
    """Input that is odd but usable; the run goes on."""


def nearest(value: str, allowed: Collection[str]) -> str | None:
    """Return the allowed name most like `value`, or None where nothing is like it.

    >>> nearest("dmeo", ["smoke", "demo"])
    'demo'
    """
    matches = get_close_matches(str(value), [str(name) for name in allowed], n=1)
    return matches[0] if matches else None


def one_of(value: str, allowed: Collection[str], name: str) -> str:
    """Return `value` if it is allowed; else raise a `UserError` that lists what is.

    >>> one_of("demo", ["smoke", "demo"], "profile")
    'demo'
    """
    if value in allowed:
        return value
    near = nearest(value, allowed)
    hint = f"did you mean {near!r}? " if near else ""
    allowed_names = ", ".join(str(a) for a in allowed)
    raise UserError(f"unknown {name} {value!r}", remedy=f"{hint}allowed: {allowed_names}")

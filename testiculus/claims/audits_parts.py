"""What an audit of the protocol is made of: an error, and the readings that measure it.

A `Reading` is a signed sum of mean scores, the figure with the error less the one without it, so
that it is positive where the error makes a figure look better. The audits themselves are
`audits_readings.AUDITS`.
"""

from dataclasses import dataclass

from testiculus.claims.contrasts import Contrast

MARGIN = 0.01  # a point: what moves less has not moved; fixed once, for every data set
MARGIN_WORDS = f"{100 * MARGIN:g} point"

# What a reading's figure is, which decides how its sign is put in words: a reported figure against
# what the same models are worth; a figure that moves, maybe with its models; what models are worth;
# a spread; flags.
FIGURE, MOVED, WORTH, SPREAD, FLAGS = "figure", "moved", "worth", "spread", "flags"

# What a reading is scored on. "Above" is the reported figure less the same models' figure there.
REPORTED_WORDS = "as reported"
OPTIMISM_WORDS = "above fresh patients"
BEYOND_TRUTH_WORDS = "above true labels"
BEYOND_GIVEN_WORDS = "above labels as they came"
BEYOND_GAIN_WORDS = "gain over Complete, above the one on true labels"
WORTH_WORDS = "on fresh patients"
TRUTH_WORDS = "on true labels"
SPREAD_WORDS = "spread of a run over shuffles"
FLAG_WORDS = "flags of all trainings"

# Why a reading comes out as it does whatever the models are; what stands before the colon is shown.
HIGHEST_GIVEN = "by construction: the highest of all epochs, the last one among them"
PART_GIVEN = "nearly by construction: the rest is a random part, which hardly moves a mean"
CURATED_GIVEN = (
    "nearly by construction: labels are turned or left out where models like these miss them"
)
SPREAD_NOTE = f"a standard deviation is never below zero, so that {MARGIN_WORDS} decides"


@dataclass(frozen=True)
class Reading:
    """One figure of an audit: a contrast and what it is scored on, in words.

    `claim` is the id of the claim that it reads ("" for none: the short table and the plot leave it
    out), `suffix` ends the id of its verdict. `given` says why it comes out as it does whatever the
    models are ("" where it need not): it then is no evidence. `note` is what else to know.
    """

    contrast: Contrast
    scored_on: str
    claim: str = ""
    suffix: str = ""
    kind: str = FIGURE
    given: str = ""
    note: str = ""

    @property
    def metric(self) -> str:
        """The metric that is compared, without suffix."""
        return self.contrast.metric

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows that it compares, each once."""
        return tuple(dict.fromkeys(term.row for term in self.contrast.terms))

    @property
    def given_briefly(self) -> str:
        """Whether it is by construction or nearly so, in these words; "" where it is not."""
        return self.given.partition(":")[0]


@dataclass(frozen=True)
class Audit:
    """One error of a protocol: what is done, where the sources have it, and its readings.

    `point` holds the numbers of `paper.contradictions` ("" for none), `where` the documents that
    have the error. `source` is the experiment whose results are read; `known` says that those of
    the phantom were there when the claim was written. `on_phantom` is what the phantom's making has
    to do with the size.
    """

    id: str
    error: str
    where: str
    point: str
    source: str
    readings: tuple[Reading, ...]
    known: bool = False
    on_phantom: str = ""

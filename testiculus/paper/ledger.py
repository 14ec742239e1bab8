"""The ledger's entries: every checkable claim of the source documents, and what decides each.

`ledger` returns them. An entry holds no verdict: `testiculus.claims.ledger` derives that from the
results of the claims that the entry names. A sentence that several documents state is one entry
with several places, so that its verdict is counted once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from testiculus.base.errors import UserError, one_of

OWN = "companion"  # this project's own comparisons, which no source makes
DOCUMENTS = {
    "article": "article",
    "thesis": "thesis",
    "slides": "slides",
    "renal": "USF-MAE page",
    OWN: "this project",
}
TOPICS = (
    *("data", "noisy labels", "evaluation", "pretraining", "organ loss", "generation"),
    *("synthetic pretraining", "markers", "UUSIC", "USF-MAE"),
)
_FILE = "ledger.yaml"
_TEXTS = ("id", "topic", "text", "numbers", "reads", "untestable")
_KEYS = {*_TEXTS, "places", "tests", "audits", "point"}


@dataclass(frozen=True)
class Place:
    """Where a claim is stated: `document` is a key of `DOCUMENTS`, `where` its section or table."""

    document: str
    where: str

    def __str__(self) -> str:
        return f"{DOCUMENTS[self.document]}: {self.where}"


@dataclass(frozen=True)
class LedgerTest:
    """One claim that decides an entry: its id among an experiment's verdicts.

    `claim` is the id of a claim of `claims_<experiment>.yaml`, or of one of its readings (that id
    and the reading's suffix). It is empty where this version cannot run the experiment yet.
    """

    experiment: str
    claim: str


@dataclass(frozen=True)
class LedgerEntry:
    """One checkable claim: its sentence in our words, its places, and what decides it.

    `numbers` are those it rests on, as printed. `tests` all have to hold; `audits` name statements
    about the printed figures; `untestable` is the reason why neither can be. `reads` says how the
    sentence was made a test, `point` is the number of a contradiction of the sources, or 0.
    """

    id: str
    topic: str
    text: str
    places: tuple[Place, ...]
    numbers: str = ""
    tests: tuple[LedgerTest, ...] = ()
    audits: tuple[str, ...] = ()
    untestable: str = ""
    reads: str = ""
    point: int = 0

    @property
    def documents(self) -> tuple[str, ...]:
        """The documents that state it, each once, in their order."""
        return tuple(dict.fromkeys(place.document for place in self.places))

    @property
    def experiments(self) -> tuple[str, ...]:
        """The experiments whose verdicts decide it, each once."""
        return tuple(dict.fromkeys(test.experiment for test in self.tests))

    @property
    def is_own(self) -> bool:
        """Whether no source states it: it is this project's own comparison."""
        return self.documents == (OWN,)


@cache
def ledger() -> tuple[LedgerEntry, ...]:
    """Return every entry of the ledger, in its order; raises UserError where the file is wrong.

    >>> entry = next(entry for entry in ledger() if entry.id == "flipping-raises-f1")
    >>> entry.documents, entry.tests[0].claim
    (('article', 'thesis', 'slides'), 'flipped-beats-complete-f1')
    """
    entries = tuple(entry_of(raw) for raw in _yaml(_FILE))
    for entry in entries:
        if sum(other.id == entry.id for other in entries) > 1:
            raise _wrong(entry.id, "its id is there twice", "give every entry an id of its own")
    return entries


def entry_of(raw: Mapping) -> LedgerEntry:
    """Return the entry of one mapping of the file.

    Raises UserError for an unknown key (a verdict is none), document or topic, a missing place, and
    an entry that nothing decides, or that has both a test and a reason why there is none.
    """
    name = str(raw.get("id", "an entry without an id"))
    for key in raw:
        one_of(key, sorted(_KEYS), f"key of the ledger's entry {name}")
    texts = {key: str(raw.get(key, "")) for key in _TEXTS}
    if not (texts["id"] and texts["text"] and raw.get("places")):
        raise _wrong(name, "its id, text or places are missing", "give it all three")
    one_of(texts["topic"], TOPICS, f"topic of the ledger's entry {name}")
    tests, audits = _tests(raw.get("tests", {})), tuple(raw.get("audits", ()))
    if bool(tests or audits) == bool(texts["untestable"]):
        raise _wrong(name, "what decides it is not clear", "tests or audits, or untestable")
    places = tuple(_place(name, *item) for one in raw["places"] for item in one.items())
    return LedgerEntry(
        **texts, places=places, tests=tests, audits=audits, point=int(raw.get("point", 0))
    )


def _place(name: str, document: str, where: str) -> Place:
    return Place(one_of(document, DOCUMENTS, f"document of the ledger's entry {name}"), where)


def _tests(raw: Mapping[str, list[str]]) -> tuple[LedgerTest, ...]:
    return tuple(
        LedgerTest(experiment, claim)
        for experiment, claims in raw.items()
        for claim in (claims or [""])
    )


@cache
def claim_ids() -> dict[str, tuple[str, ...]]:
    """Return the ids of the claims of every experiment that has any, in their files' order.

    >>> claim_ids()["table4"][0]
    'lambda-0.2-is-best'
    """
    folder = files(__package__) / "data"
    names = sorted(file.name for file in folder.iterdir() if file.name.startswith("claims_"))
    return {
        name.removeprefix("claims_").removesuffix(".yaml"): tuple(c["id"] for c in _yaml(name))
        for name in names
    }


def claim_of(verdict: str, ids: tuple[str, ...]) -> str:
    """Return which of the claims `ids` the id of a verdict belongs to; "" if to none.

    A claim that is read in several ways has a verdict for each: its id and a suffix.

    >>> claim_of("a-beats-b-f1-truth", ("a-beats-b", "a-beats-b-f1"))
    'a-beats-b-f1'
    """
    found = [name for name in ids if verdict == name or verdict.startswith(f"{name}-")]
    return max(found, key=len, default="")


def _yaml(name: str) -> list[dict]:
    import yaml

    return yaml.safe_load((files(__package__) / "data" / name).read_text(encoding="utf-8"))


def _wrong(entry: str, what: str, remedy: str) -> UserError:
    return UserError(f"the ledger's entry {entry} cannot be read: {what}", _FILE, remedy)

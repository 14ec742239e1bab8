"""The whole book as its readers have it: built once, opened from the disk, with no internet.

Building takes a minute or two; TESTICULUS_BUILT_BOOK names the folder of a book that is built
already, such as _build/html. What needs a browser is skipped, aloud, where there is no Chromium
(.ci/run installs it).
"""

import fcntl
import html as entities
import importlib.util
import os
import re
import shutil
import sys
from collections import defaultdict
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from testiculus.execute import book

ROOT = Path(book.__file__).parents[2]
PHONE, DESKTOP = 390, 1280  # CSS pixels across
COPIED = ("book", "results", "third_party")
LOADING = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
LOADED = ("stylesheet", "icon", "shortcut icon", "preload", "modulepreload", "manifest")  # links
IN_STYLES = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")

_spec = importlib.util.spec_from_file_location("chromium", Path(__file__).with_name("chromium.py"))
chromium = sys.modules.setdefault("chromium", importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(chromium)


def built_book(text: str) -> Path:
    """Return the folder of a built book as links and a browser need it: absolute, without `..`."""
    folder = Path(text).expanduser().resolve()
    assert (folder / "index.html").is_file(), f"TESTICULUS_BUILT_BOOK={text}: no book in {folder}"
    return folder


@pytest.fixture(scope="session")
def html():
    """Build the book from a copy of what it is made of, once for all workers; its folder."""
    if given := os.environ.get("TESTICULUS_BUILT_BOOK"):
        return built_book(given)
    folder = Path(os.environ["TESTICULUS_TEST_SCRATCH"]).resolve() / "whole-book"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the other worker waits for the one that builds
        if not (folder / "built").exists():
            for name in COPIED:
                left_out = shutil.ignore_patterns("generated", ".staging", "__pycache__")
                shutil.copytree(ROOT / name, folder / name, ignore=left_out, dirs_exist_ok=True)
            for name in ("_config.yml", "_toc.yml"):
                shutil.copy(ROOT / name, folder)
            book.build(folder)
            (folder / "built").touch()
    return folder / book.HTML


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    pytest.importorskip("websocket")
    if chromium.PROGRAM is None:
        pytest.skip("this machine has no Chromium: the book was not opened (apt install chromium)")
    with chromium.Browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


class Page(HTMLParser):
    """What a page can be pointed at, what it points at, and what it loads."""

    def __init__(self, file: Path):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.following = None
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        about = dict(attributes)
        self.ids |= {about[name] for name in ("id", "name") if about.get(name)}
        if tag == "a" and about.get("href"):
            self.links.append(about["href"])
            if "right-next" in (about.get("class") or ""):
                self.following = about["href"]
        elif about.get(LOADING.get(tag, "")) and (tag != "link" or about.get("rel") in LOADED):
            self.loads.append(about[LOADING[tag]])


@cache
def pages_of(html: Path) -> dict[Path, Page]:
    return {
        file: Page(file) for file in sorted(html.rglob("*.html")) if "_static" not in file.parts
    }


def is_elsewhere(address: str) -> bool:
    """Tell whether an address leaves the book: anything with a scheme or a host."""
    parts = urlsplit(address)
    return bool(parts.netloc or (parts.scheme and parts.scheme != "data"))


def test_a_built_book_may_be_named_from_where_one_is(tmp_path, monkeypatch):
    (tmp_path / "_build" / "html").mkdir(parents=True)
    (tmp_path / "_build" / "html" / "index.html").touch()
    (tmp_path / "book").mkdir()
    monkeypatch.chdir(tmp_path / "book")

    assert built_book("../_build/html") == (tmp_path / "_build" / "html").resolve()
    with pytest.raises(AssertionError, match="TESTICULUS_BUILT_BOOK=_build: no book in"):
        built_book("_build")


def test_no_link_within_the_book_is_broken(html):
    pages, broken, checked = pages_of(html), [], 0
    for file, page in pages.items():
        for link in (link for link in page.links if not is_elsewhere(link)):
            parts = urlsplit(link)
            target = file if not parts.path else (file.parent / unquote(parts.path)).resolve()
            anchor, checked = unquote(parts.fragment), checked + 1
            lost = anchor and target in pages and anchor not in pages[target].ids
            if not target.is_file() or lost:
                broken.append(f"{file.relative_to(html)}: {link}")
    assert not broken and checked > 1000, broken[:20]


def test_nothing_is_loaded_from_elsewhere(html):
    pages, wrong = pages_of(html), []
    for file, page in pages.items():
        for address in page.loads:
            path = (file.parent / unquote(urlsplit(address).path)).resolve()
            data = address.startswith("data:")
            if is_elsewhere(address) or not (data or path.is_file()):
                wrong.append(f"{file.relative_to(html)}: {address}")
    for file in html.rglob("*.css"):
        for both in IN_STYLES.findall(file.read_text(encoding="utf-8")):
            wrong += [f"{file.name}: {a}" for a in both if a.startswith(("http", "//"))]
    assert not wrong, wrong[:20]


def test_previous_and_next_lead_through_every_page_from_the_first(html):
    pages, file = pages_of(html), html / "book" / "welcome.html"
    seen = []
    while file is not None and file not in seen:
        seen.append(file)
        following = pages[file].following
        file = (file.parent / unquote(following)).resolve() if following else None

    assert set(seen) == {page for page in pages if "book" in page.relative_to(html).parts}


def test_every_page_opens_from_the_disk_without_a_complaint_and_fits_a_phone(html, browser):
    wrong = defaultdict(list)
    index = html / "index.html"  # sends the reader on; a test of its own below
    for file in (page for page in pages_of(html) if page != index):
        browser.open(file.as_uri(), PHONE)
        name = str(file.relative_to(html))
        wrong[name] += browser.errors[:3]
        wrong[name] += [a[:80] for a in browser.requests if not a.startswith(("file:", "data:"))]
        for width in (PHONE, DESKTOP):
            browser.resize(width)
            seen = browser.until("document.documentElement?.scrollWidth")
            wrong[name] += [f"{seen} px wide on a screen of {width}"] if seen > width else []
    assert not {name: told for name, told in wrong.items() if told}


def test_the_first_address_leads_to_the_welcome_page(html, browser):
    browser.open((html / "index.html").as_uri())

    assert browser.until("location.pathname.endsWith('book/welcome.html')")


def test_search_finds_a_table(html, browser):
    browser.open((html / "search.html").as_uri() + "?q=noisy+labels")

    count = "document.querySelectorAll('#search-results li a').length"
    browser.until(f"/found|finished/i.test(document.body.innerText) && {count} > 0")
    found = browser.run(
        "[...document.querySelectorAll('#search-results li a')].map(a => a.getAttribute('href'))"
    )
    tables = [link for link in found if "table1_phantom_demo.html" in link]
    assert tables and (html / unquote(urlsplit(tables[0]).path)).is_file()


# The lightness (0 to 1) of a text, and of what lies behind it.
COLOURS = """(() => {
  const light = colour => { const [r, g, b, a] = colour.match(/[\\d.]+/g).map(Number);
    return a === 0 ? null : (0.299 * r + 0.587 * g + 0.114 * b) / 255; };
  const behind = e => e ? light(getComputedStyle(e).backgroundColor) ?? behind(e.parentElement) : 1;
  const both = name => [...document.querySelectorAll(name)].filter(e => e.checkVisibility())
    .map(e => [light(getComputedStyle(e).color), behind(e)]);
  return { mode: document.documentElement.dataset.theme, text: both('article p'),
    cells: both('article td'), code: both('article pre span') }; })()"""


def test_the_switch_makes_a_page_dark_and_the_next_page_stays_dark(html, browser):
    table = (html / "book" / "generated" / "table1_phantom_demo.html").as_uri()
    browser.open(table)
    assert browser.run(COLOURS)["mode"] == "light"

    browser.run("document.querySelector('.theme-switch-button').click()")
    browser.open((html / "book" / "reading.html").as_uri())
    browser.open(table)

    seen = browser.run(COLOURS)
    assert seen["mode"] == "dark" and len(seen["text"]) > 5 and len(seen["cells"]) > 20
    assert all(behind < 0.2 < 0.6 < text for text, behind in seen["text"])
    for name in ("cells", "code"):  # outputs of a notebook may stay on light paper
        assert all(abs(text - behind) > 0.3 for text, behind in seen[name]), name
    browser.run("localStorage.clear()")


def test_on_a_phone_the_contents_open_and_lead_to_a_page(html, browser):
    browser.open((html / "book" / "welcome.html").as_uri(), PHONE)
    link = "document.querySelector('.bd-sidebar-primary a[href*=\"table1_phantom_demo\"]')"
    hidden = f"{link}.getBoundingClientRect().right <= 0 || !{link}.checkVisibility()"
    assert browser.run(hidden)

    browser.run("document.querySelector('.primary-toggle').click()")

    browser.until(f"!({hidden})")
    browser.run(f"{link}.click()")
    assert browser.until("location.pathname.endsWith('table1_phantom_demo.html')")


# --- the ledger: what is shown is compared with what its page says without a script ---

RESULT = re.compile(r'<tr class="ledger-result"[^>]*>')


class Claim:
    """A claim as the page holds it: its id, its words in lower case, and its lines of results."""

    def __init__(self, text: str):
        self.id = re.search(r'<tbody id="([^"]*)"', text)[1]
        topic = re.search(r'data-topic="([^"]*)"', text)[1]
        inner = re.sub(r"<[^>]*>", "", text)
        self.words = entities.unescape(f"{self.id} {topic} {inner}").lower()
        self.lines = [
            dict(re.findall(r'data-(\w+)="([^"]*)"', tag)) for tag in RESULT.findall(text)
        ]

    def verdicts(self) -> list[str]:
        return [line["verdict"] for line in self.lines]


@pytest.fixture
def claims(html) -> list[Claim]:
    text = (html / "book" / "generated" / "ledger.html").read_text(encoding="utf-8")
    found = re.findall(r'<tbody id="claim-.*?</tbody>', text, re.DOTALL)
    return [Claim(each) for each in found]


class Ledger:
    """The ledger's page in the browser, and what a person does there."""

    SHOWN = ".filter(e => e.checkVisibility())"

    def __init__(self, browser, html: Path, width: int):
        self.browser = browser
        browser.open((html / "book" / "generated" / "ledger.html").as_uri(), width)

    def all(self, name: str, of: str) -> list:
        """Return `of` (an expression of `e`) of every element that can be seen."""
        every = f"[...document.querySelectorAll({name!r})]{self.SHOWN}"
        return self.browser.run(f"{every}.map(e => {of})")

    @property
    def ids(self) -> list[str]:
        return self.all(".ledger tbody", "e.id")

    @property
    def verdicts(self) -> list[str]:
        return self.all(".ledger-result", "e.dataset.verdict")

    @property
    def status(self) -> str:
        return self.browser.run("document.querySelector('.ledger-status').textContent")

    def press(self, name: str) -> None:
        self.browser.press(f"document.querySelector({name!r})")

    def type(self, text: str) -> None:
        """Type into the search box, after what is in it."""
        self.press(".ledger-tools input")
        self.browser.call("Input.insertText", text=text)

    def choose(self, label: str, value: str) -> None:
        """Choose what `label` offers, as the browser does when a person has chosen."""
        script = """(() => { const of = [...document.querySelectorAll('.ledger-tools label')]
          .find(e => e.firstChild.textContent === LABEL).querySelector('select');
          of.value = VALUE; of.dispatchEvent(new Event('change', { bubbles: true }));
          return of.value; })()"""
        chosen = self.browser.run(
            script.replace("LABEL", repr(label)).replace("VALUE", repr(value))
        )
        assert chosen == value, f"{label} does not offer {value!r}"


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_ledger_shows_what_is_typed_and_chosen_and_counts_it(html, browser, claims, width):
    ledger = Ledger(browser, html, width)
    everything = [claim.id for claim in claims]
    assert ledger.ids == everything and len(everything) >= 100

    ledger.type("filter ")
    typed = [claim for claim in claims if "filter" in claim.words]
    assert 0 < len(typed) < len(claims) and ledger.ids == [claim.id for claim in typed]

    ledger.type("synthetic")
    both = [claim for claim in typed if "synthetic" in claim.words]
    lines = sum(len(claim.lines) for claim in both)
    assert 0 < len(both) < len(typed) and ledger.ids == [claim.id for claim in both]
    assert ledger.status == f"{len(both)} of {len(claims)} claims, {lines} results"

    verdict = both[0].verdicts()[0]
    ledger.choose("verdict", verdict)
    left = [claim for claim in both if verdict in claim.verdicts()]
    lines = sum(claim.verdicts().count(verdict) for claim in left)
    assert ledger.ids == [claim.id for claim in left]
    assert ledger.verdicts == [verdict] * lines
    assert ledger.status == f"{len(left)} of {len(claims)} claims, {lines} results"

    ledger.press(".ledger-tools button")
    assert ledger.ids == everything and not browser.errors


def test_a_word_that_no_claim_has_leaves_none_and_says_so(html, browser, claims):
    ledger = Ledger(browser, html, DESKTOP)

    ledger.type("zeppelin")

    assert ledger.ids == [] and ledger.status == f"0 of {len(claims)} claims, 0 results"


def test_every_verdict_can_be_chosen_and_together_they_are_the_whole(html, browser, claims):
    ledger = Ledger(browser, html, DESKTOP)
    seen = {}
    for verdict in sorted({verdict for claim in claims for verdict in claim.verdicts()}):
        ledger.choose("verdict", verdict)
        seen[verdict] = len(ledger.verdicts)

    expected = [verdict for claim in claims for verdict in claim.verdicts()]
    assert seen == {verdict: expected.count(verdict) for verdict in set(expected)}


def test_a_heading_sorts_the_ledger_both_ways_and_then_puts_it_back(html, browser, claims):
    """A claim without an effect stays behind those with one, whichever way round."""
    ledger = Ledger(browser, html, DESKTOP)
    button = "thead th[data-key=effect] button"
    sorts = "document.querySelector('thead th[data-key=effect]').getAttribute('aria-sort')"
    first = {claim.id: claim.lines[0].get("effect") for claim in claims}
    for way, said in ((1, "ascending"), (-1, "descending")):
        ledger.press(button)

        values = [first[name] for name in ledger.ids]
        known = [way * float(value) for value in values if value is not None]
        assert known == sorted(known) and len(known) > 20
        assert all(value is None for value in values[len(known) :])
        assert browser.run(sorts) == said
    ledger.press(button)

    assert ledger.ids == [claim.id for claim in claims] and browser.run(sorts) == "none"


def test_on_a_phone_the_ledgers_tools_can_be_read_and_reached(html, browser):
    ledger = Ledger(browser, html, PHONE)
    name = ".ledger-tools input, .ledger-tools select, .ledger-tools button"

    boxes = ledger.all(name, "[e.getBoundingClientRect().left, e.getBoundingClientRect().right]")

    assert len(boxes) == 7 and all(0 <= left < right <= PHONE for left, right in boxes)
    assert min(ledger.all(name, "parseFloat(getComputedStyle(e).fontSize)")) >= 12
    assert browser.run("document.documentElement.scrollWidth") <= PHONE

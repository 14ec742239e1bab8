"""The whole book as its readers have it: built once, opened from the disk, with no internet.

Building takes a minute or two; TESTICULUS_BUILT_BOOK names a folder of a book that is built
already. What needs a browser is skipped, aloud, where there is no Chromium (.ci/run installs it).
"""

import fcntl
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


@pytest.fixture(scope="session")
def html():
    """Build the book from a copy of what it is made of, once for all workers; its folder."""
    if given := os.environ.get("TESTICULUS_BUILT_BOOK"):
        return Path(given)
    folder = Path(os.environ["TESTICULUS_TEST_SCRATCH"]) / "whole-book"
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

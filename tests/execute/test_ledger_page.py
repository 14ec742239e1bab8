"""The ledger's page: whole without scripts, every link to something, and a script that works."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from docutils.nodes import make_id

from testiculus.claims.ledger import LEDGER_VERDICTS, Judged, ledger_frame
from testiculus.claims.ledger_audits import audit_findings
from testiculus.execute.found import EXPECTED
from testiculus.execute.ledger_html import AUDIT_PAGE, AUDIT_SECTIONS, claims_table
from testiculus.execute.ledger_page import counts_table, ledger_of, ledger_page, verdict_anchor
from testiculus.paper.ledger import ledger

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "book" / "static"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


class Page(HTMLParser):
    """What a page holds: how often each tag, its ids, links, and the attributes of its rows."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.rows, self.open = {}, [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" else []
        self.rows += [attrs] if attrs.get("class") == "ledger-result" else []
        if tag != "link":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def frame():
    verdict = {"verdict": "supported", "effect": 0.1, "ci_low": 0.05, "ci_high": 0.15}
    hostile = {"verdict": "contradicted", "note": "<b>a & b</b>", "effect": -0.1}
    verdicts = {"ud-beats-scratch": verdict, "ud-beats-testes-only": verdict | hostile}
    page = "table2_phantom_demo.html"
    runs = [Judged("table2", "phantom", "demo", verdicts, 90.0, "90 s", page, "verdicts")]
    return ledger_frame(ledger(), runs, audit_findings(), EXPECTED)


@pytest.fixture(scope="module")
def table(frame):
    return claims_table(frame)


@pytest.fixture(scope="module")
def page(table):
    return Page(table)


def test_without_scripts_every_claim_and_every_result_is_there(frame, page):
    assert page.tags["tbody"] == len(ledger()) >= 100
    assert len(page.rows) == len(frame)
    assert page.ids == [f"claim-{entry.id}" for entry in ledger()] and not page.open


def test_a_row_says_to_the_script_what_it_shows_to_the_reader(frame, page):
    assert {row["data-verdict"] for row in page.rows} <= set(LEDGER_VERDICTS)
    rows = frame.to_dict("records")
    for shown, row in zip(page.rows, rows, strict=True):
        assert shown["data-verdict"] == row["verdict"]
        has_effect = row["effect"] == row["effect"] and row["unit"] == "points"
        assert ("data-effect" in shown) == has_effect
        assert ("data-price" in shown) == (row["wall_seconds"] == row["wall_seconds"])


def test_what_a_result_says_is_text_and_never_markup(table):
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;" in table


def test_every_link_leads_to_a_page_of_the_book_and_a_section_of_it(page):
    from testiculus.execute.pages import contradictions_page

    headings = re.findall(r"^## (.+)$", contradictions_page().replace("\\", ""), re.MULTILINE)
    anchors = {make_id(heading) for heading in headings}
    pages = {f"{'_'.join(what)}.html" for what in EXPECTED}

    for link in page.links:
        where, _, anchor = link.partition("#")
        if where == "contradictions.html":
            assert anchor in anchors
        elif where == AUDIT_PAGE:
            assert anchor in {make_id(section) for section in AUDIT_SECTIONS.values()}
        else:
            assert (where or "#") in pages | {"#"}
            assert where or anchor in page.ids


def test_the_sections_of_the_audits_are_on_their_page():
    text = (ROOT / "book" / "generated" / AUDIT_PAGE).with_suffix(".md").resolve().read_text()

    for sheet, section in AUDIT_SECTIONS.items():
        below = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
        assert f"include/printed_{sheet}.md" in below
    shown = {found.experiment for found in audit_findings().values()}
    assert shown <= set(AUDIT_SECTIONS)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cell_that_decides_is_found_in_every_notebook_of_the_ledger(notebook):
    text = notebook.read_text()
    if "verdicts_table(" not in text:
        pytest.skip("no claim is judged there")

    assert verdict_anchor(notebook) == "verdicts" and "## Verdicts" in text


def test_a_notebook_without_verdicts_has_no_anchor(tmp_path):
    cells = [{"cell_type": "markdown", "source": "## A"}, {"cell_type": "code", "source": "1"}]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}))

    assert verdict_anchor(tmp_path / "a.ipynb") == ""


def test_the_page_counts_the_sources_claims_and_fetches_nothing(frame):
    text = ledger_page(frame)
    own = sum(entry.is_own for entry in ledger())

    assert f"{len(ledger()) - own} claims" in text and f"{own} comparisons" in text
    assert counts_table(frame[~frame["own"]]) in text
    for file in ("ledger.js", "ledger.css"):
        assert f"../../_static/{file}" in text and (STATIC / file).is_file()
        assert not re.search(r"https?://|@import|url\(", (STATIC / file).read_text())
    assert not re.search(r"(src|href)=\"(https?:)?//", text)


def test_without_results_every_test_has_not_run():
    frame = ledger_of([])

    tested = frame[frame["data"].isin(["phantom", "liver"])]
    assert len(tested) and set(tested["verdict"]) == {"not run"}


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVEN = """
<!doctype html><html><body>%s<script>
const choose = (name, value) => {
  const label = [...document.querySelectorAll(".ledger-tools label")]
    .find((each) => each.firstChild.textContent === name);
  label.lastChild.value = value;
  label.lastChild.dispatchEvent(new Event(name === "find" ? "input" : "change"));
};
const seen = () => [...document.querySelectorAll("tbody")].filter((each) => !each.hidden);
const told = {};
const tell = (name) => { told[name] = [seen().map((each) => each.id),
  document.querySelector(".ledger-status").textContent]; };
tell("all");
choose("verdict", "supported"); choose("tried on", "phantom, demo"); tell("supported");
choose("verdict", ""); const heads = document.querySelectorAll("thead button");
heads[2].click(); tell("up"); heads[2].click(); tell("down");
told.sort = document.querySelectorAll("thead th")[2].getAttribute("aria-sort");
document.querySelector(".ledger-tools button").click(); tell("reset");
choose("find", "uusic MedSAM"); tell("found"); choose("find", "");
choose("said in", "slides"); choose("topic", "data"); tell("slides");
document.body.textContent = JSON.stringify(told);
</script></body></html>
"""


@pytest.fixture(scope="module")
def told(table, tmp_path_factory):
    """Drive the page in a browser and return what it showed at each step."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: the ledger's script was not tried")
    folder = tmp_path_factory.mktemp("ledger")
    for file in ("ledger.js", "ledger.css"):
        shutil.copy(STATIC / file, folder)
    page = table.replace("../../_static/", "")
    (folder / "page.html").write_text(DRIVEN % page, encoding="utf-8")
    options = "--headless --no-sandbox --disable-gpu --dump-dom".split()
    command = [CHROMIUM, *options, f"--user-data-dir={folder / 'chrome'}"]
    done = subprocess.run(
        [*command, (folder / "page.html").as_uri()], capture_output=True, text=True, timeout=120
    )
    return json.loads(re.search(r"<body>(.*)</body>", done.stdout, re.DOTALL)[1])


def test_a_reader_can_filter_by_what_was_found_where_it_is_said_and_words(told, frame):
    def ids(rows):
        return [f"claim-{name}" for name in dict.fromkeys(rows["id"])]

    on_phantom = frame[frame["data"] == "phantom"]
    assert told["all"][0] == ids(frame)
    assert told["all"][1] == f"{len(ledger())} of {len(ledger())} claims, {len(frame)} results"
    assert told["supported"][0] == ids(on_phantom[on_phantom["verdict"] == "supported"])
    assert told["reset"] == told["all"]
    assert told["found"][0] == ["claim-uusic-medsam"]
    slides = frame[frame["documents"].str.contains("slides") & (frame["topic"] == "data")]
    assert told["slides"][0] == ids(slides)


def test_a_reader_can_sort_by_effect_with_what_has_none_at_the_end(told, frame):
    effects = frame[frame["data"] == "phantom"].set_index("id")["effect"].dropna()
    known = {f"claim-{name}" for name in effects.index}

    up, down = told["up"][0], told["down"][0]
    assert set(up[: len(known)]) == set(down[: len(known)]) == known
    shown = [effects[name.removeprefix("claim-")] for name in up[: len(known)]]
    assert shown == sorted(effects) and told["sort"] == "descending"

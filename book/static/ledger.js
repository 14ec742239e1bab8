/* The claims ledger: filters and sorts the table that the page holds. Plain JavaScript, no library;
   without it the whole table is there, in its own order. */
(() => {
  "use strict";

  const root = document.querySelector(".ledger");
  const table = root && root.querySelector("table");
  if (!table) return;

  const verdicts = root.dataset.verdicts.split("|");
  const claims = Array.from(table.tBodies, (body, order) => ({
    body,
    order,
    text: `${body.id} ${body.dataset.topic} ${body.textContent}`.toLowerCase(),
    documents: body.dataset.documents.split(", "),
    topic: body.dataset.topic,
    results: Array.from(body.querySelectorAll(".ledger-result")),
  }));

  /* What a reader can choose by: of a claim as a whole, or of one line of its results. */
  const choices = [
    { label: "verdict", of: (line) => [line.dataset.verdict] },
    { label: "tried on", of: (line) => [line.dataset.set] },
    { label: "decided by", of: (line) => [line.dataset.by] },
    { label: "said in", ofClaim: (claim) => claim.documents },
    { label: "topic", ofClaim: (claim) => [claim.topic] },
  ];

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const valuesOf = (choice) => {
    const found = claims.flatMap((claim) =>
      choice.ofClaim ? choice.ofClaim(claim) : claim.results.flatMap(choice.of)
    );
    return [...new Set(found)].sort((a, b) => verdicts.indexOf(a) - verdicts.indexOf(b));
  };

  const search = make("input", { type: "search", placeholder: "a word of the claim" });
  for (const choice of choices) {
    choice.select = make("select", {}, new Option("any", ""));
    for (const value of valuesOf(choice)) choice.select.append(new Option(value, value));
  }
  const reset = make("button", { type: "button", textContent: "show all" });
  const status = make("p", { className: "ledger-status" });
  status.setAttribute("role", "status");

  const matches = (choice, values) => !choice.select.value || values.includes(choice.select.value);

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shownClaims = 0;
    let shownLines = 0;
    for (const claim of claims) {
      const wanted =
        words.every((word) => claim.text.includes(word)) &&
        choices.every((c) => !c.ofClaim || matches(c, c.ofClaim(claim)));
      let lines = 0;
      for (const line of claim.results) {
        line.hidden = !choices.every((c) => !c.of || matches(c, c.of(line)));
        lines += line.hidden ? 0 : 1;
      }
      claim.body.hidden = !wanted || lines === 0;
      shownClaims += claim.body.hidden ? 0 : 1;
      shownLines += claim.body.hidden ? 0 : lines;
    }
    status.textContent = `${shownClaims} of ${claims.length} claims, ${shownLines} results`;
    sort();
  };

  /* A claim is placed by the first of its lines that is shown; what has no value comes last. */
  const keys = {
    set: (line) => line.dataset.set,
    verdict: (line) => verdicts.indexOf(line.dataset.verdict),
    effect: (line) => (line.dataset.effect === undefined ? null : Number(line.dataset.effect)),
    price: (line) => (line.dataset.price === undefined ? null : Number(line.dataset.price)),
  };
  const sorted = { key: "", down: false };

  const sort = () => {
    const value = (claim) => {
      const line = claim.results.find((each) => !each.hidden);
      return sorted.key && line ? keys[sorted.key](line) : null;
    };
    const placed = claims.map((claim) => ({ claim, value: value(claim) }));
    placed.sort((a, b) => {
      if (a.value === b.value) return a.claim.order - b.claim.order;
      if (a.value === null) return 1;
      if (b.value === null) return -1;
      return (a.value < b.value ? -1 : 1) * (sorted.down ? -1 : 1);
    });
    table.append(...placed.map((one) => one.claim.body));
    for (const head of heads) {
      const direction = sorted.down ? "descending" : "ascending";
      head.setAttribute("aria-sort", head.dataset.key === sorted.key ? direction : "none");
    }
  };

  const heads = Array.from(table.tHead.rows[0].cells);
  for (const head of heads) {
    const button = make("button", { type: "button", textContent: head.textContent });
    button.title = "sort; once more: the other way round; a third time: the ledger's own order";
    button.addEventListener("click", () => {
      const again = sorted.key === head.dataset.key;
      sorted.key = again && sorted.down ? "" : head.dataset.key;
      sorted.down = again && !sorted.down;
      sort();
    });
    head.replaceChildren(button);
  }

  search.addEventListener("input", filter);
  for (const choice of choices) choice.select.addEventListener("change", filter);
  reset.addEventListener("click", () => {
    search.value = "";
    for (const choice of choices) choice.select.value = "";
    sorted.key = "";
    sorted.down = false;
    filter();
  });

  const tools = make("form", { className: "ledger-tools" });
  tools.setAttribute("aria-label", "choose claims");
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.append(make("label", {}, "find", search));
  for (const choice of choices) tools.append(make("label", {}, choice.label, choice.select));
  tools.append(reset);
  root.prepend(tools, status);
  filter();
})();

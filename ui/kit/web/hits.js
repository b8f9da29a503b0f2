// Ranked memories, one column per mode. A card is a button; the chosen memory is outlined in every column.
export default function ({ parentElement, data, setTriggerValue }) {
  const choose = (id) => setTriggerValue("chosen", id);

  const split = ([dense, sparse]) =>
    el("span", { class: "split", title: `dense ${Math.round(100 * dense)} %, sparse ${Math.round(100 * sparse)} %` },
      el("i", { style: `flex:${dense};background:${data.colours.dense}` }),
      el("i", { style: `flex:${sparse};background:${data.colours.sparse}` }));

  const card = (row, column) =>
    el("button", {
      type: "button", class: row.below ? "card below" : "card", "data-at": `${column.key} ${row.id}`, "data-id": row.id,
      "aria-pressed": String(row.id === data.chosen), "aria-label": row.aria, onclick: () => choose(row.id),
    },
      el("span", { class: "line" },
        el("b", {}, row.rank),
        row.move ? el("span", { class: "move quiet", title: row.moved }, row.move) : null,
        mark(row.mark),
        el("span", { class: "id quiet" }, row.id),
        row.split ? split(row.split) : null,
        row.score ? el("span", { class: "score" }, row.score) : null),
      el("span", { class: "text" }, row.text),
      row.threads ? el("span", { class: "joined quiet small", title: "the words that join it to the question, with their share of the sparse score" }, row.threads) : null,
      row.spectrum ? spectrum(row.spectrum, row.shared) : null);

  // Candidates by score as bars, the line that a memory has to reach across them.
  const strip = ({ counts, line, said, title }) => {
    const top = Math.sqrt(Math.max(...counts));
    return el("div", { class: "strip quiet", title },
      el("span", { class: "bars", "aria-hidden": "true" }, ...counts.map((n) => el("i", { style: `height:${n ? 8 + (92 * Math.sqrt(n)) / top : 0}%` })),
        line === null ? null : el("b", { style: `left:${100 * line}%` })),
      el("span", {}, said));
  };

  const seen = Object.fromEntries([...parentElement.querySelectorAll(".list")].map((list) => [list.dataset.key, list.scrollTop]));
  const column = (one) =>
    el("section", { style: `--mode:${one.colour}`, "aria-label": one.label },
      one.head === false ? null : el("h3", { title: one.title }, one.label, el("span", { class: "quiet" }, one.unit)),
      one.strip ? strip(one.strip) : null,
      one.note ? el("p", { class: "note quiet" }, one.note) : null,
      el("div", { class: "list", "data-key": one.key }, ...one.rows.map((row) => card(row, one))));

  const kind = ["columns", data.scrolling && "scrolling", data.columns.length > 3 && "four"].filter(Boolean).join(" ");
  show(parentElement, el("div", { class: "frame" }, el("div", { class: kind }, ...data.columns.map(column))));
  if (!data.scrolling) return;
  // Every column stays where it was, unless its chosen card would be out of sight.
  for (const list of parentElement.querySelectorAll(".list")) {
    list.scrollTop = seen[list.dataset.key] ?? 0;
    const chosen = list.querySelector('[aria-pressed="true"]');
    if (!chosen) continue;
    const above = chosen.offsetTop - list.offsetTop - list.scrollTop;
    const below = above + chosen.offsetHeight - list.clientHeight;
    if (above < 0) list.scrollTop += above - 4;
    else if (below > 0) list.scrollTop += below + 4;
  }
}

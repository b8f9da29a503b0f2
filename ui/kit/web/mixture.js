// The memories a mixture brings. A bar's pieces are what each latent added, right of zero, or took away, left of it.
export default function ({ parentElement, data, setTriggerValue }) {
  const bar = (row) =>
    el("div", { class: "bar", role: "img", "aria-label": row.said },
      ...row.segments.map((one) => el("i", { class: one.kind, style: `left:${one.from}%;width:${one.width}%`, title: one.title })),
      el("u", { style: `left:${data.zero}%` }));
  const piece = ([text, kind, title]) => (kind ? el("span", { class: kind, title }, text) : text);
  const act = (row, name, text, pressed, said) =>
    el("button", {
      type: "button", "data-at": `${name} ${row.id}`, "aria-pressed": String(pressed), "aria-label": `${said} ${row.id}`,
      onclick: () => setTriggerValue(name, row.id),
    }, pressed ? `✓ ${text}` : text);
  const card = (row) =>
    el("article", { class: "card", "data-id": row.id, "aria-label": row.aria },
      el("div", { class: "line" },
        el("b", {}, row.rank), mark(row.mark),
        el("button", { type: "button", class: "id", "data-at": `open ${row.id}`, title: `Open ${row.id} in Memory`, onclick: () => setTriggerValue("open", row.id) }, row.id),
        el("span", { class: "score" }, row.score)),
      bar(row),
      el("div", { class: "parts quiet" }, row.parts),
      el("p", { class: "text" }, ...row.pieces.map(piece)),
      el("div", { class: "acts" },
        act(row, "like", "more like this", row.liked, "More like"), act(row, "dislike", "less like this", row.disliked, "Less like"),
        data.marking ? el("span", { class: "apart" },
          act(row, "right", "right", row.mark === "right", "Right for these words:"), act(row, "wrong", "wrong", row.mark === "wrong", "Wrong for these words:")) : null));
  show(parentElement, el("div", { class: "list" }, ...data.rows.map(card)));
}

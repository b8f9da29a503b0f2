// Why one memory came: the two texts with tinted tokens, and the latents that both of them fire.
export default function ({ parentElement, data, setTriggerValue }) {
  const words = { query: [], memory: [] };
  const tinted = (side) =>
    el("p", { class: "said" }, ...data[side].pieces.map(([text, token]) => {
      if (token === null) return text;
      const node = el("span", { class: "token" }, text);
      words[side][token] = node;
      return node;
    }));
  const paint = (row) => {
    for (const side of ["query", "memory"]) {
      const values = row ? row[side] : data[side].total;
      const top = Math.max(1e-9, ...Object.values(values));
      words[side].forEach((node, token) => node && tint(node, (values[token] ?? 0) / top));
    }
  };
  const chosen = data.rows.find((row) => row.latent === data.latent) ?? null;
  const line = (row) =>
    el("tr", { class: row === chosen ? "chosen" : null, onmouseenter: () => paint(row), onmouseleave: () => paint(chosen) },
      el("td", {}, el("button", {
        type: "button", "data-at": `latent ${row.latent}`, "aria-pressed": String(row === chosen),
        "aria-label": `Latent ${row.latent}, ${row.percent} of the sparse score: tint its tokens`,
        onclick: () => setTriggerValue("latent", row === chosen ? -1 : row.latent),
      }, row.name)),
      el("td", { class: "bar" }, el("i", { style: `width:${row.width}%` }), el("span", {}, row.percent)),
      el("td", { class: "number" }, row.value),
      el("td", { class: "pair" }, el("span", {}, row.from), el("span", { class: "quiet" }, " → "), el("span", {}, row.to)),
      el("td", { class: "number quiet" }, row.weight),
      el("td", {}, el("button", {
        type: "button", class: "open", "data-at": `open ${row.latent}`, "aria-label": `Open latent ${row.latent} in Memory`,
        onclick: () => setTriggerValue("open", row.latent),
      }, "open")));

  const side = (label, name) => el("div", {}, el("h4", { class: "quiet" }, label), tinted(name));
  const table = data.rows.length === 0 ? null : el("table", {},
    el("thead", {}, el("tr", { class: "quiet" },
      el("th", {}, "latent"), el("th", {}, "share of the sparse score"), el("th", { class: "number" }, "adds"),
      el("th", {}, "query token → memory token"), el("th", { class: "number", title: data.weight_help }, "rarity"), el("th", {}, ""))),
    el("tbody", {}, ...data.rows.map(line)));
  show(parentElement, el("div", { class: "why" },
    el("div", { class: "texts" }, side("query", "query"), side("memory", "memory")), table));
  paint(chosen);
}

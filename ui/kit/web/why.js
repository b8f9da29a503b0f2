// Two texts with tinted tokens, and the latents that both of them fire: why one memory came, or a pair under the microscope.
export default function ({ parentElement, data, setTriggerValue }) {
  const words = { query: [], memory: [] };
  const tinted = (side) =>
    el("p", { class: "said" }, ...data[side].pieces.map(([text, token]) => {
      if (token === null) return text;
      const masked = side === "query" && data.masked?.includes(token);
      const node = side === "query" && data.editing
        ? el("span", {
            class: masked ? "token masked" : "token may", role: "button", tabindex: "0", "data-at": `token ${token}`, "aria-pressed": String(masked),
            title: masked ? `Let “${text}” count again` : `What if “${text}” did not count?`,
            onclick: () => setTriggerValue("mask", token),
            onkeydown: (event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), setTriggerValue("mask", token)),
          }, text)
        : el("span", { class: "token" }, text);
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
  const chosen = data.rows.find((row) => row.latent === data.latent) ?? data.elsewhere ?? null;
  const act = (row, name, text, said) =>
    el("button", {
      type: "button", class: name, "data-at": `${name} ${row.latent}`, "aria-label": said, title: said,
      onclick: () => setTriggerValue(name, row.latent),
    }, text);
  const called = (row) => (row.label ? `“${row.label}” (latent ${row.name})` : `latent ${row.name}`);
  const line = (row) =>
    el("tr", { class: row === chosen ? "chosen" : null, onmouseenter: () => paint(row), onmouseleave: () => paint(chosen) },
      el("td", { class: "named" }, el("button", {
        type: "button", "data-at": `latent ${row.latent}`, "aria-pressed": String(row === chosen),
        "aria-label": `Latent ${row.latent}${row.label ? ` “${row.label}”` : ""}, ${row.percent}: tint its tokens`,
        onclick: () => setTriggerValue("latent", row === chosen ? -1 : row.latent),
      }, ...(row.label ? [row.label, row.doubtful ? el("span", { class: "doubt" }, " ?") : "", el("span", { class: "small quiet" }, ` ${row.name}`)] : [row.name]))),
      el("td", { class: "bar" }, el("i", { style: `width:${row.width}%`, class: row.minus ? "less" : null }), el("span", {}, row.percent)),
      el("td", { class: "number" }, row.value),
      el("td", { class: "pair" }, el("span", {}, row.from), el("span", { class: "quiet" }, " → "), el("span", {}, row.to),
        row.place ? el("span", { class: "small quiet", title: `said around it, in ${row.place}` }, ` in ${row.place}`) : null),
      el("td", { class: data.even ? "number" : "number quiet" }, row.weight),
      el("td", { class: "number quiet", title: row.trust_words || null }, row.trust),
      el("td", { class: "acts" }, el("span", {},
        data.editing ? act(row, "mute", "mute", `Mute ${called(row)} in the query`) : null,
        data.editing ? act(row, "plus", "+", `Ask for more of ${called(row)}`) : null,
        act(row, "open", "open", `Open ${called(row)} in Latents`))));

  const side = (name) => el("div", {}, el("h4", { class: "quiet" }, data[name].said ?? name), tinted(name));
  const { heads } = data;
  const table = data.rows.length === 0 ? null : el("table", {},
    el("thead", {}, el("tr", { class: "quiet" },
      el("th", {}, "latent"), el("th", {}, heads.bar), el("th", { class: "number" }, heads.value),
      el("th", {}, heads.pair), el("th", { class: "number", title: data.weight_help }, heads.weight),
      el("th", { class: "number", title: data.trust_help }, "trust"), el("th", {}, ""))),
    el("tbody", {}, ...data.rows.map(line)));
  show(parentElement, el("div", { class: data.even ? "why even" : "why" },
    data.query.pieces.length + data.memory.pieces.length ? el("div", { class: "texts" }, side("query"), side("memory")) : null, table ? el("div", { class: "wide" }, table) : null));
  paint(chosen);
}

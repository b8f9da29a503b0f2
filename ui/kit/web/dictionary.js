// Latents as a table: a head sorts, a row chooses, arrow keys walk over the rows.
export default function ({ parentElement, data, setTriggerValue }) {
  const buttons = [];
  const walk = (event, i) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next = event.key === "Home" ? 0 : event.key === "End" ? buttons.length - 1 : step && i + step;
    if (next === undefined || !buttons[next]) return;
    event.preventDefault();
    buttons[i].tabIndex = -1;
    buttons[next].tabIndex = 0;
    buttons[next].focus();
  };
  const places = data.rows.map((row) => row.latent);
  const first = Math.max(0, places.indexOf(data.chosen));
  const head = ({ name, text, help }) => {
    const sorted = name === data.sort;
    return el("th", { scope: "col", "aria-sort": sorted ? (data.down ? "descending" : "ascending") : null },
      el("button", { type: "button", title: help, "data-at": `head ${name}`, onclick: () => setTriggerValue("sort", name) },
        sorted ? `${text} ${data.down ? "↓" : "↑"}` : text));
  };
  const spark = (heights) => {
    const d = [...heights].map((h, i) => (h === "0" ? "" : `M${i + 0.5} 10V${10 - Number(h)}`)).join("");
    return el("svg", { viewBox: `0 0 ${heights.length || 1} 10`, preserveAspectRatio: "none", "aria-hidden": "true" }, el("path", { d }));
  };
  const line = (row, i) => {
    const chosen = row.latent === data.chosen;
    const button = el("button", {
      type: "button", "data-at": `row ${row.latent}`, "aria-pressed": String(chosen), tabindex: i === first ? "0" : "-1",
      title: row.source || null, onkeydown: (event) => walk(event, i),
    }, ...(row.label ? [row.label, el("span", { class: "small quiet" }, ` ${row.latent}`)] : [`latent ${row.latent}`]));
    buttons.push(button);
    return el("tr", { class: chosen ? "chosen" : null, "data-latent": row.latent, onclick: () => setTriggerValue("latent", row.latent) },
      el("td", {}, button), ...row.cells.map((text) => el("td", {}, text)),
      data.sparks ? el("td", { class: "spark" }, spark(row.spark)) : null);
  };
  const top = parentElement.querySelector(".wide")?.scrollTop ?? 0;
  show(parentElement, el("div", { class: "wide" }, el("table", { "aria-label": data.label },
    el("thead", {}, el("tr", { class: "quiet" }, ...data.heads.map(head),
      data.sparks ? el("th", { title: "Tokens by activation, from 0 to the strongest; heights are logarithms." }, "activations") : null)),
    el("tbody", {}, ...data.rows.map(line)))));
  parentElement.querySelector(".wide").scrollTop = top;
}

// Latents with sliders, − on the left, + on the right, 0 in the middle. The page hears of a weight when a slider rests.
const REST = 160; // milliseconds: arrow keys come in bursts

export default function ({ parentElement, data, setTriggerValue }) {
  const waiting = (parentElement.waiting ??= new Map());
  const written = (weight) => `${weight > 0 ? "+" : weight < 0 ? "−" : ""}${Math.abs(weight).toFixed(2).replace(/\.?0+$/, "")}`;

  const channel = (row) => {
    const { heaviest, step } = data;
    const said = el("span", {});
    const slider = el("input", {
      type: "range", min: -heaviest, max: heaviest, step, "data-at": `fader ${row.latent}`, "aria-label": `Weight of ${row.said}`,
    });
    const paint = (weight) => {
      const at = (x) => `${(50 * (x + heaviest)) / heaviest}%`;
      slider.style.setProperty("--low", at(Math.min(0, weight)));
      slider.style.setProperty("--high", at(Math.max(0, weight)));
      slider.style.setProperty("--fill", weight > 0 ? "#009E73" : weight < 0 ? "#D55E00" : "var(--quiet)");
      slider.setAttribute("aria-valuetext", written(weight));
      said.className = `weight ${weight > 0 ? "plus" : weight < 0 ? "minus" : "quiet"}`;
      said.textContent = written(weight);
    };
    const send = () => {
      clearTimeout(waiting.get(row.latent)?.timer);
      const weight = Number(slider.value);
      const timer = setTimeout(() => {
        waiting.delete(row.latent);
        setTriggerValue("weigh", { latent: row.latent, weight });
      }, REST);
      waiting.set(row.latent, { timer, weight });
    };
    slider.addEventListener("input", () => paint(Number(slider.value)));
    slider.addEventListener("change", send);
    slider.value = waiting.get(row.latent)?.weight ?? row.weight;
    paint(Number(slider.value));
    return el("div", { class: "channel", role: "group", "aria-label": row.said },
      el("span", { class: "called" }, el("button", {
        type: "button", "data-at": `open ${row.latent}`, title: `Open ${row.said} in Latents`, onclick: () => setTriggerValue("open", row.latent),
      }, ...(row.label ? [row.label, el("span", { class: "small quiet" }, ` ${row.name}`)] : [`latent ${row.name}`]))),
      el("span", { class: "facts quiet" },
        row.trust ? el("span", { title: row.trust_words || null }, row.trust) : null, el("span", { title: row.fires_words }, row.fires)),
      el("button", {
        type: "button", class: "drop", "data-at": `drop ${row.latent}`, "aria-label": `Take ${row.said} out`, title: `Take ${row.said} out`,
        onclick: () => setTriggerValue("remove", row.latent),
      }, "×"),
      el("div", { class: "fader" }, el("span", { class: "quiet", "aria-hidden": "true" }, `−${heaviest}`), el("span", { class: "middle" }, slider),
        el("span", { class: "quiet", "aria-hidden": "true" }, `+${heaviest}`), said));
  };
  show(parentElement, el("div", { class: "channels" }, ...data.rows.map(channel)));
}

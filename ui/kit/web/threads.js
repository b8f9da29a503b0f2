// Two texts and what stands around the second, joined by threads: width is a thread's share of the score.
export default function ({ parentElement, data, setTriggerValue }) {
  const words = new Map();
  let thread = null, word = null;
  const key = (side, at) => `${side}:${at}`;
  const touching = (name) => data.threads.filter((t) => name === key("q", t.query) || name === key(t.place, t.word));
  const lit = (t) => thread === t || (thread === null && word !== null && touching(word).includes(t));
  const pick = (next) => { thread = thread === next ? null : next; word = null; draw(); };
  const pickWord = (name) => { word = word === name ? null : name; thread = null; draw(); };
  const line = (side, pieces, said) =>
    el("div", { class: side === "q" || side === 0 ? "said" : "said around" }, el("span", { class: "who quiet small" }, said),
      el("p", {}, ...pieces.map(([text, at]) => {
        if (at === null) return text;
        const name = key(side, at);
        const strength = data.strength[name] ?? 0;
        const node = strength
          ? el("button", { type: "button", class: "word", "data-at": name, "aria-label": `${text}: show its threads`, onclick: () => pickWord(name) }, text)
          : el("span", { class: "word" }, text);
        tint(node, strength);
        words.set(name, node);
        return node;
      })));

  const svg = el("svg", { class: "threads", "aria-hidden": "true" });
  const texts = el("div", { class: "lines" }, line("q", data.query, "question"),
    ...data.places.map((place, i) => line(i, place.pieces, place.said)));
  const figure = el("div", { class: "figure" }, svg, texts);
  const list = el("div", { class: "pairs", role: "group", "aria-label": "Pairs of words, the largest share first" });
  const held = el("div", { class: "held", "aria-live": "polite" });

  const draw = () => {
    const box = figure.getBoundingClientRect();
    svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    svg.replaceChildren(...data.threads.map((t) => {
      const from = words.get(key("q", t.query))?.getBoundingClientRect(), to = words.get(key(t.place, t.word))?.getBoundingClientRect();
      if (!from || !to) return null;
      const [x1, y1, x2, y2] = [from.left + from.width / 2 - box.left, from.bottom - box.top, to.left + to.width / 2 - box.left, to.top - box.top];
      const bend = Math.max(14, (y2 - y1) / 2);
      const chosen = lit(t), dim = (thread !== null || word !== null) && !chosen;
      return el("path", {
        d: `M${x1} ${y1} C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`, class: t.same ? "same" : "other",
        "stroke-width": Math.max(1, Math.min(14, 40 * t.share)), opacity: chosen ? 1 : dim ? 0.12 : 0.45,
      });
    }).filter(Boolean));
    list.replaceChildren(...data.threads.slice(0, data.listed).map((t) =>
      el("button", { type: "button", class: lit(t) ? "pair lit" : "pair", "data-at": `pair ${t.query} ${t.place} ${t.word}`, "aria-pressed": String(lit(t)), onclick: () => pick(t) },
        el("i", { class: t.same ? "dot same" : "dot other" }), t.from, " ↔ ", t.to, el("span", { class: "quiet" }, ` ${t.percent}`))));
    held.replaceChildren(...(thread === null ? [el("span", { class: "quiet small" }, data.help)] : [
      el("span", { class: "quiet" }, `${thread.from} ↔ ${thread.to}, ${thread.percent}: `),
      ...thread.latents.map((x) => el("button", { type: "button", class: "latent", "data-at": `latent ${x.latent}`, title: x.title, onclick: () => setTriggerValue("latent", x.latent) },
        x.label, el("span", { class: "quiet small" }, ` ${x.percent}${x.trust ? ` · trust ${x.trust}` : ""}`)))]));
  };

  const sentence = el("p", { class: "reason" }, ...data.sentence.map(([text, quoted]) => (quoted ? el("em", {}, text) : text)));
  const copy = el("button", { type: "button", class: "copy quiet small", "aria-label": "Copy the sentence",
    onclick: async (event) => { const b = event.currentTarget; try { await navigator.clipboard.writeText(data.plain); b.textContent = "copied"; } catch { b.textContent = "select it to copy"; } } }, "copy");
  show(parentElement, el("div", { class: "why" }, el("div", { class: "head" }, sentence, copy),
    data.threads.length ? figure : null, data.threads.length ? list : null, data.threads.length ? held : null,
    el("p", { class: "quiet small" }, data.foot)));
  draw();
  requestAnimationFrame(draw);
  const watcher = new ResizeObserver(draw);
  watcher.observe(figure);
  return () => watcher.disconnect();
}

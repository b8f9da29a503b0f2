// Latents as small buttons: label (with a mark where it is hardly to be trusted) or the token at which they peaked, number, value. A chip may carry a sign and be dropped.
export default function ({ parentElement, data, setTriggerValue }) {
  const piece = (name, text, tag = "span") => (text ? el(tag, { class: name }, text) : null);
  const said = (one, between) => [one.aria, one.trust].filter(Boolean).join(between);
  const chip = (one) =>
    el("button", {
      type: "button", class: one.off ? "chip off" : "chip", "data-at": `chip ${one.key ?? one.latent}`,
      "aria-pressed": one.drop ? null : String(one.pressed ?? one.latent === data.latent), "aria-label": said(one, "; "), title: said(one, "\n"),
      onclick: () => setTriggerValue("latent", one.key ?? (one.latent === data.latent ? -1 : one.latent)),
    }, piece(one.off ? "quiet" : one.minus ? "minus" : "plus", one.sign, "b"),
      ...(one.label ? [piece("word", one.label), piece("doubt", one.doubtful && "?"), piece("small quiet", one.name)] : [piece("quiet", one.name), piece("word", one.word)]),
      piece("value", one.value, "b"), one.drop ? el("span", { class: "quiet", "aria-hidden": "true" }, "×") : null);
  show(parentElement, el("div", { class: "chips" }, data.before ? el("span", { class: "quiet" }, data.before) : null,
    ...data.chips.map(chip), data.after ? el("span", { class: "quiet" }, data.after) : null));
}

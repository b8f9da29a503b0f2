// Latents as small buttons: number, the token at which they peaked, value.
export default function ({ parentElement, data, setTriggerValue }) {
  show(parentElement, el("div", { class: "chips" }, data.before ? el("span", { class: "quiet" }, data.before) : null,
    ...data.chips.map((chip) =>
      el("button", {
        type: "button", class: "chip", "data-at": `chip ${chip.latent}`, "aria-pressed": String(chip.latent === data.latent),
        "aria-label": chip.aria, title: chip.aria,
        onclick: () => setTriggerValue("latent", chip.latent === data.latent ? -1 : chip.latent),
      }, el("span", { class: "quiet" }, chip.name), el("span", { class: "word" }, chip.word), el("b", {}, chip.value))),
    data.after ? el("span", { class: "quiet" }, data.after) : null));
}

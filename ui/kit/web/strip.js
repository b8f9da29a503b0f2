// A memory's tokens in reading order. Pointing at one shows its latents, a click or Enter chooses it, arrow keys walk.
export default function ({ parentElement, data, setTriggerValue }) {
  const tip = el("div", { class: "tip", role: "tooltip", hidden: true });
  const tokens = [];

  const point = (node, token) => {
    const { latents, more, error } = data.tokens[token];
    tip.replaceChildren(
      ...latents.map(([name, value, label]) => el("div", {},
        el("span", { class: "name" }, label || name, label ? el("span", { class: "small quiet" }, ` ${name}`) : null), el("b", {}, value))),
      ...(more ? [el("div", { class: "quiet" }, more)] : []),
      ...(error ? [el("div", { class: "quiet" }, error)] : []));
    tip.hidden = latents.length === 0 && !more;
    const box = node.getBoundingClientRect();
    const frame = node.closest(".strip").getBoundingClientRect();
    tip.style.left = `${Math.max(0, Math.min(box.left - frame.left, frame.width - 255))}px`;
    tip.style.top = `${box.bottom - frame.top + 5}px`;
  };
  const hide = () => { tip.hidden = true; };
  const walk = (event, token) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = event.key === "Home" ? 0 : event.key === "End" ? tokens.length - 1 : step && token + step;
    if (event.key === "Escape") hide();
    if (next === undefined || !tokens[next]) return;
    event.preventDefault();
    tokens[token].tabIndex = -1;
    tokens[next].tabIndex = 0;
    tokens[next].focus();
  };
  const first = data.token ?? 0;
  const piece = ([text, token]) => {
    if (token === null) return text;
    const node = el("button", {
      type: "button", class: "token", role: "option", "data-at": `token ${token}`, tabindex: token === first ? "0" : "-1",
      "aria-selected": String(token === data.token), "aria-label": `${text}: ${data.tokens[token].said}`,
      onclick: () => setTriggerValue("token", token === data.token ? -1 : token),
      onmouseenter: () => point(node, token), onmouseleave: hide,
      onfocus: () => point(node, token), onblur: hide, onkeydown: (event) => walk(event, token),
    }, text);
    tint(node, data.tokens[token].tint);
    tokens[token] = node;
    return node;
  };
  show(parentElement, el("div", { class: "strip" },
    el("div", { class: "words", role: "listbox", "aria-label": data.label }, ...data.pieces.map(piece)), tip));
  hide();
}

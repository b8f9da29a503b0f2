// Texts in which a latent fires: its activation, the words with tinted tokens, and the memory they come from.
export default function ({ parentElement, data, setTriggerValue }) {
  const word = ([text, strength]) => {
    if (strength === null) return text;
    const node = el("span", { class: "token" }, text);
    tint(node, strength);
    return node;
  };
  const passage = (row) => el("div", { class: "passage" },
    el("span", { class: "value" }, row.value),
    el("p", {}, ...row.pieces.map(word)),
    row.id ? el("button", {
      type: "button", "data-at": `open ${row.id}`, title: `Open ${row.id} in Memory`, onclick: () => setTriggerValue("open", row.id),
    }, row.id) : el("span"));
  show(parentElement, el("div", {}, ...data.groups.map((group) => el("div", { class: "group" },
    group.title ? el("h4", { class: "quiet" }, group.title) : null, ...group.rows.map(passage)))));
}

// Shared by the components: everything is built node by node, so that no text is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function el(tag, attributes, ...children) {
  const node = tag === "svg" || tag === "path" ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Replaces what the component shows, and leaves the keyboard where it was.
function show(parentElement, ...nodes) {
  const root = parentElement.querySelector(".root");
  const scope = root.getRootNode();
  const at = scope.activeElement?.dataset?.at;
  root.replaceChildren(...nodes);
  if (at) [...root.querySelectorAll("[data-at]")].find((node) => node.dataset.at === at)?.focus({ preventScroll: true });
}

// A memory's spectrum: one bar per stretch of the dictionary, height 0-9; what the query shares is drawn over it.
function spectrum(all, shared) {
  const bars = (heights) =>
    [...heights].map((h, i) => (h === "0" ? "" : `M${i + 0.5} 10V${(9.2 - 0.92 * Number(h)).toFixed(1)}`)).join("");
  return el("svg", { class: "spectrum", viewBox: `0 0 ${all.length} 10`, preserveAspectRatio: "none", "aria-hidden": "true" },
    el("path", { d: bars(all), class: "all" }), shared ? el("path", { d: bars(shared), class: "shared" }) : null);
}

// Words of a text, each token tinted 0-1.
function tint(node, strength) {
  node.style.setProperty("--tint", `${Math.round(62 * Math.min(1, Math.max(0, strength)))}%`);
}

// What was said of a hit by hand.
function mark(said) {
  return said ? el("b", { class: `mark ${said}`, title: `marked ${said}` }, said === "right" ? "✓" : "✗") : null;
}

// What is wrong with the page that is shown, as a list of words; empty if nothing is. Runs in the page.
// WCAG 2.2: 1.1.1, 1.3.1, 1.4.3, 1.4.10, 2.4.7, 2.4.10, 3.1.1, 3.3.2, 4.1.2.
(allowedWords) => {
  const found = [];
  const say = (rule, what) => found.push(`${rule}: ${what}`);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const named = (element) => `${element.tagName.toLowerCase()}.${element.className} “${element.textContent.trim().slice(0, 30)}”`;
  all("details").forEach((each) => { each.open = true; });
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const nameOf = (element) => (
    element.getAttribute("aria-label")
    || (element.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join("")
    || element.textContent || element.title || element.querySelector("img")?.alt || ""
  ).trim();

  // Width.
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > room) {
    const wide = all("main *, header *, footer *").filter((each) => each.getBoundingClientRect().right > room + 1);
    say("wider than the window", `${document.documentElement.scrollWidth} > ${room}: ${wide.slice(0, 4).map(named).join(" | ")}`);
  }

  // Structure.
  if (document.documentElement.lang !== "zh-CN") { say("language", document.documentElement.lang); }
  const titles = all("h1").filter(shown);
  if (titles.length !== 1) { say("h1", titles.length); }
  if (!document.title.trim()) { say("title", "none"); }
  let level = 0;
  all("h1, h2, h3, h4").filter(shown).forEach((each) => {
    const next = Number(each.tagName[1]);
    if (next > level + 1 && level) { say("heading leaps", `${level} to ${next}: ${named(each)}`); }
    level = next;
  });
  const ids = all("[id]").map((each) => each.id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => say("id twice", id));

  // Names.
  all("input:not([type=hidden]), select, textarea").forEach((each) => {
    const label = [...(each.labels || [])].map((one) => one.textContent.trim()).join("") || each.getAttribute("aria-label");
    if (!label) { say("no label", each.outerHTML.slice(0, 120)); }
  });
  all("a[href], button, summary").filter(shown).forEach((each) => { if (!nameOf(each)) { say("no name", each.outerHTML.slice(0, 120)); } });
  all("img").forEach((each) => { if (!each.hasAttribute("alt")) { say("no alternative", each.src); } });
  all("figure").forEach((each) => { if (!each.querySelector("figcaption") && !nameOf(each)) { say("no caption", named(each)); } });
  all("svg").forEach((each) => {
    // What stands within a picture is part of it.
    const silent = each.closest("[aria-hidden=true]") || each.parentElement.closest("svg");
    if (!silent && !(each.getAttribute("role") === "img" && (each.getAttribute("aria-label") || each.querySelector("title") || each.getAttribute("aria-labelledby")))) { say("no name", each.outerHTML.slice(0, 120)); }
  });
  all("iframe").forEach((each) => { if (!each.title) { say("no title", each.src); } });
  all("table").filter(shown).forEach((each) => { if (!each.querySelector("th[scope]")) { say("no headings", named(each)); } });
  all("[aria-labelledby], [aria-describedby]").forEach((each) => {
    const wanted = `${each.getAttribute("aria-labelledby") || ""} ${each.getAttribute("aria-describedby") || ""}`;
    wanted.trim().split(/\s+/).forEach((id) => { if (!document.getElementById(id)) { say("refers to nothing", `${id} from ${named(each)}`); } });
  });
  all("a[href^='#']").forEach((each) => {
    const id = each.getAttribute("href").slice(1);
    if (id && !document.getElementById(id)) { say("leads nowhere", `${id} from ${named(each)}`); }
  });

  // Contrast.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parsed = new Map();
  const colour = (text) => {
    if (!parsed.has(text)) {
      canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      parsed.set(text, [r, g, b, a / 255]);
    }
    return parsed.get(text);
  };
  const over = (top, under) => [0, 1, 2].map((at) => top[at] * top[3] + under[at] * (1 - top[3])).concat(1);
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) { layers.push(colour(getComputedStyle(at).backgroundColor)); }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((each) => { const part = each / 255; return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => { const [high, low] = [light(one), light(other)].sort((a, b) => b - a); return (high + 0.05) / (low + 0.05); };
  const isLarge = (style) => { const size = parseFloat(style.fontSize); return size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700); };
  const words = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text || ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(element.tagName) || !shown(element)) { continue; }
    // Whatever holds a digit is a code.
    (text.match(/[A-Za-z0-9][A-Za-z0-9._@/-]*/g) || []).filter((each) => /[A-Za-z]{2}/.test(each) && !/\d/.test(each)).forEach((each) => words.add(`${each}\t${element.closest(".number, .digest, code, kbd, .secret") ? "code" : text.slice(0, 60)}`));
    if (element.closest("[disabled]")) { continue; }
    const style = getComputedStyle(element), under = behind(element);
    const ink = colour(element.closest("svg") ? style.fill : style.color);
    const reached = ratio(over(ink, under), under), wanted = isLarge(style) ? 3 : 4.5;
    if (reached < wanted) { say("contrast", `${reached.toFixed(2)} < ${wanted}: ${named(element)}`); }
  }
  const allowed = new RegExp(allowedWords);
  words.forEach((each) => { const [word, where] = each.split("\t"); if (where !== "code" && !allowed.test(word)) { say("not Chinese", `${word} in “${where}”`); } });
  all("input, textarea, select, button").filter(shown).forEach((each) => {
    if (each.disabled || ["checkbox", "radio", "file"].includes(each.type)) { return; }
    const style = getComputedStyle(each);
    const reached = ratio(over(colour(style.color), behind(each)), behind(each));
    if (reached < 4.5) { say("contrast", `${reached.toFixed(2)}: ${each.outerHTML.slice(0, 80)}`); }
  });

  // Focus.
  all("a[href], button, input:not([type=hidden]), select, textarea, summary").filter(shown).forEach((each) => {
    if (each.disabled) { return; }
    each.focus();
    if (document.activeElement !== each) { say("no focus", named(each)); return; }
    const style = getComputedStyle(each);
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    if (!ring) { say("focus unseen", named(each)); return; }
    if (ratio(colour(style.outlineColor), behind(each.parentElement)) < 3) { say("focus too faint", named(each)); }
  });
  document.activeElement.blur();
  window.scrollTo(0, 0);
  return found;
}

"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, properties = {}) => Object.assign(document.createElement(name), properties);

  const theme = () => {
    const button = document.getElementById("theme");
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
    const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      label();
    });
    dark.addEventListener("change", label);
    label();
  };

  // One variant in every chart and table at once: picked from the list, or by a click on a mark.
  const highlight = () => {
    for (const row of all("table.wide tbody tr")) row.dataset.v = row.cells[2].textContent;
    const names = new Set(all("[data-v]").map((node) => node.dataset.v).filter(Boolean));
    if (names.size < 2) return;
    const select = document.getElementById("highlight");
    select.append(new Option("Highlight a variant…", ""));
    for (const name of names) select.append(new Option(name, name));
    select.hidden = false;
    const show = (name) => {
      select.value = name;
      document.body.classList.toggle("dim", name !== "");
      for (const node of all("[data-v]")) node.classList.toggle("lit", name !== "" && node.dataset.v === name);
    };
    select.addEventListener("change", () => show(select.value));
    document.addEventListener("click", (event) => {
      const mark = event.target.closest(".chart [data-v], .heatmap [data-v] th");
      if (!mark) return;
      const name = mark.closest("[data-v]").dataset.v;
      if (name) show(name === select.value ? "" : name);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") show("");
    });
  };

  // The raw value stands in a title; words sort as words.
  const key = (row, column) => {
    const cell = row.cells[column];
    const raw = cell.title || cell.querySelector("[title]")?.title || cell.textContent;
    const number = parseFloat(raw.replace("\u2212", "-"));
    return Number.isNaN(number) || cell.tagName === "TH" ? cell.textContent.trim() : number;
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b, undefined, { numeric: true });
  };
  const sorting = () => {
    for (const table of all("table.metrics")) {
      all("thead th", table).forEach((head, column) => {
        const button = make("button", { type: "button", className: "sort", textContent: head.textContent });
        head.replaceChildren(button);
        button.addEventListener("click", () => {
          const up = head.getAttribute("aria-sort") !== "ascending";
          for (const other of all("thead th", table)) other.removeAttribute("aria-sort");
          head.setAttribute("aria-sort", up ? "ascending" : "descending");
          const keyed = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
          keyed.sort((a, b) => (up ? compare(a[0], b[0]) : compare(b[0], a[0])));
          table.tBodies[0].append(...keyed.map(([, row]) => row));
        });
      });
    }
  };

  // Every word must occur in the row; rows that are folded away unfold when they are asked for.
  const filtering = () => {
    const field = document.getElementById("filter");
    if (!field) return;
    field.parentElement.hidden = false;
    const count = document.getElementById("filter-count");
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of all("table.metrics tbody tr")) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      count.textContent = words.length ? `${shown} rows` : "";
      const folded = document.getElementById("folded");
      if (folded && words.length) folded.open = true;
    });
  };

  // The time axis: marks are stretched, ticks stay where they are and say other times.
  const zooming = () => {
    for (const section of all("[data-panel]")) {
      const width = Number(section.dataset.panel);
      const svg = section.querySelector("svg");
      const clip = document.createElementNS(svg.namespaceURI, "clipPath");
      const window_ = document.createElementNS(svg.namespaceURI, "rect");
      clip.id = `${section.id}-window`;
      for (const [name, value] of [["x", 0], ["y", -5], ["width", width], ["height", 2000]]) window_.setAttribute(name, value);
      clip.append(window_);
      svg.prepend(clip);
      const marks = all(".mark-line.role-mark", svg).map((group) => {
        const inner = document.createElementNS(svg.namespaceURI, "g");
        inner.append(...group.childNodes);
        group.append(inner);
        group.setAttribute("clip-path", `url(#${clip.id})`);
        return inner;
      });
      const labels = all(".role-axis-label", svg).map((group) => all("text", group)).filter((texts) => texts.length > 1)
        .map((texts) => texts.map((text) => [Number(/translate\(([-\d.]+)/.exec(text.getAttribute("transform"))[1]), Number(text.textContent.replaceAll(",", "")), text]))
        .filter((ticks) => ticks[1][0] > ticks[0][0]);
      const limits = ["From", "to"].map((word, index) => {
        const input = make("input", { type: "range", min: 0, max: 100, value: index * 100 });
        const label = make("label", { textContent: `${word} ` });
        label.append(input);
        return [label, input];
      });
      const controls = make("div", { className: "zoom" });
      controls.append("Time: ", ...limits.map(([label]) => label));
      section.querySelector("figure").prepend(controls);
      const [from, to] = limits.map(([, input]) => input);
      const apply = (moved) => {
        if (Number(to.value) - Number(from.value) < 2) moved.value = moved === from ? Number(to.value) - 2 : Number(from.value) + 2;
        const start = Number(from.value) / 100;
        const factor = 1 / (Number(to.value) / 100 - start);
        for (const mark of marks) mark.setAttribute("transform", `translate(${-start * width * factor},0) scale(${factor},1)`);
        for (const ticks of labels) {
          const slope = (ticks[1][1] - ticks[0][1]) / (ticks[1][0] - ticks[0][0]);
          const at = (x) => ticks[0][1] + slope * (x - ticks[0][0]);
          for (const [x, , text] of ticks) text.textContent = String(Number(at(start * width + x / factor).toPrecision(3)));
        }
      };
      from.addEventListener("input", () => apply(from));
      to.addEventListener("input", () => apply(to));
    }
  };

  theme();
  highlight();
  sorting();
  filtering();
  zooming();
  addEventListener("beforeprint", () => { for (const node of all("main:not(.story) details")) node.open = true; });
})();

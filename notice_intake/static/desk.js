// What the desk does beyond its forms. Every page works without this file; nothing here decides anything.
"use strict";
(() => {
  const desk = document.querySelector(".ni");
  if (!desk) return;
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const decision = $("#decision");

  // Time, by the server's clock: the one on the desk may be wrong.
  const shapes = JSON.parse(desk.dataset.shapes);
  const levels = desk.dataset.levels.split(" ").map((one) => one.split(":"));
  let ahead = Date.parse(desk.dataset.now) - Date.now();
  const now = () => Date.now() + ahead;
  const fill = (shape, values) => shape.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
  const two = (value) => String(value).padStart(2, "0");
  function stretch(seconds) {
    const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60);
    if (hours >= 48) return fill(shapes.days, { d: Math.floor(hours / 24), h: hours % 24 });
    if (hours) return fill(shapes.hours, { h: hours, m: two(minutes % 60) });
    if (minutes >= 5) return fill(shapes.minutes, { m: minutes });
    return fill(shapes.seconds, { m: minutes, s: two(seconds % 60) });
  }
  const secondsTo = (time) => Math.trunc((Date.parse(time.dateTime) - now()) / 1000);
  const left = (s) => (s < 0 ? fill(shapes.over, { time: stretch(-s) }) : stretch(s));
  const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };

  const title = document.title;
  let before = Infinity;
  function tick() {
    for (const time of $$("[data-left]")) write(time, left(secondsTo(time)));
    for (const time of $$("[data-countdown]")) write(time, left(Math.max(0, secondsTo(time))));
    for (const due of $$("[data-due]")) {
      const s = secondsTo($("time", due));
      const [level, , bars] = levels.find(([, most]) => s < most) || ["calm", 0, 0];
      if (due.dataset.level !== level) for (const one of [due, due.closest(".ni-row, .ni-clock")]) if (one) one.dataset.level = level;
      $(".ni-bars", due).dataset.bars = bars;
    }
    for (const one of $$("[data-until]")) one.hidden = Date.parse(one.dataset.until) <= now();
    for (const one of $$("[data-after]")) one.hidden = Date.parse(one.dataset.after) > now();
    const first = $(".ni-case[data-open] .ni-clock [data-left]") || $(".ni-row [data-left]");
    document.title = first ? `${first.textContent} · ${title}` : title;
    if (first && first.closest(".ni-clock")) announce(secondsTo(first));
  }
  function announce(s) {
    const says = $("[data-says]");
    const passed = [0, 60, 300, 900, 3600].find((mark) => s <= mark && before > mark && before !== Infinity);
    if (passed === 0) write(says, says.dataset.passed);
    else if (passed) write(says, says.dataset.near.replace("{time}", stretch(s)));
    before = s;
  }

  // Keys: by position on keyboards of other scripts; silent while typing, in dialogs, and where switched off.
  const help = $("#ni-keys");
  const press = (key) => { const one = $$(`[data-key="${key}"]`).find((b) => b.offsetParent); if (one) one.click(); };
  function move(step) {
    const rows = $$("[data-row]"), row = document.activeElement.closest(".ni-row");
    const at = row ? rows.findIndex((link) => row.contains(link)) : step > 0 ? -1 : rows.length;
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
    if (next) next.focus();
  }
  const actions = {
    j: () => move(1),
    k: () => move(-1),
    o: () => document.activeElement.matches("[data-row]") && document.activeElement.click(),
    c: () => { const row = document.activeElement.closest(".ni-row"), one = row && $("[data-claim]", row); if (one) one.click(); else press("c"); },
    d: () => { const text = $("#facts"); if (text) text.focus(); },
    a: () => { const ask = $("#ni-ask"); if (ask) { ask.open = true; $("#question_reason").focus(); } },
    r: () => location.reload(),
    "/": () => { const search = $("#ni-f-search"); if (search) { search.closest("details").open = true; search.focus(); } },
    "?": () => help.showModal(),
  };
  for (const key of "nuvh") actions[key] = () => press(key);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && decision) {
      event.preventDefault();
      return decision.requestSubmit($(event.target.closest("#ni-ask-form") ? "[data-ask]" : "[data-decide]"));
    }
    const typing = event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
    if (event.key === "Escape") {
      if (typing) typing.blur();
      for (const menu of $$(".ni-menu[open]")) { menu.open = false; if (menu.contains(event.target)) $("summary", menu).focus(); }
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || help.open || desk.dataset.keys === "off") return;
    const digit = !event.shiftKey && /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    const outcome = digit && decision && $(`[name=outcome][data-digit="${digit[1]}"]`, decision);
    const key = /^[ -~]$/.test(event.key) ? event.key.toLowerCase() : event.code.replace("Key", "").toLowerCase();
    if (outcome) { outcome.checked = true; outcome.focus(); outcome.dispatchEvent(new Event("input", { bubbles: true })); }
    else if (!digit && Object.hasOwn(actions, key)) actions[key]();
    else return;
    event.preventDefault();
  });
  for (const button of $$("[data-help]")) { button.hidden = false; button.addEventListener("click", () => help.showModal()); }
  document.addEventListener("click", (event) => {
    for (const menu of $$(".ni-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  // The veil: nothing is fetched before it is asked for, and the form is not sent for it.
  const content = $("#ni-content");
  if (content) content.addEventListener("click", (event) => {
    const button = event.target.closest("[data-veil-to]");
    if (!button) return;
    event.preventDefault();
    const to = (content.dataset.veil = button.dataset.veilTo);
    for (const medium of $$("[data-src]", content)) {
      if (medium.pause) medium.pause();
      if (to !== "veiled" && !medium.getAttribute("src")) medium.src = medium.dataset.src;
    }
    const shown = { veiled: ["soft"], soft: ["clear", "veiled"], clear: ["veiled"] }[to];
    for (const one of $$("[data-veil-to]", content)) one.hidden = !shown.includes(one.dataset.veilTo);
    const state = $("[data-veil-state]", content);
    write(state, state.dataset[to]);
    const next = $("[data-veil-to]:not([hidden])", content);
    if (next) next.focus();
  });

  // The form: what was typed survives, for whoever typed it; counters count, keywords follow the category.
  const draftOf = (id) => `notice-intake:${desk.dataset.who}:${id}`;
  if (decision) {
    // A group of countries says itself how many of its countries are ticked, so only these are sent.
    const presets = $$("[data-preset]", decision).map((one) => [one, one.dataset.preset.split(" ").map((code) => $(`[name=territories][value=${code}]`, decision))]);
    for (const [one] of presets) one.removeAttribute("name");
    const kept = draftOf(decision.dataset.draft), ask = $("#ni-ask");
    // The question's fields are among them: they belong to this form.
    const fields = [...decision.elements].filter((field) => field.name && field.matches("input:not([type=hidden]), textarea, select"));
    const ticks = (field) => /radio|checkbox/.test(field.type);
    const called = (field) => (ticks(field) ? `${field.name}=${field.value}` : field.name);
    const value = (field) => (ticks(field) ? field.checked : field.value);
    const read = () => Object.fromEntries(fields.map((field) => [called(field), value(field)]));
    const fresh = read();
    const refresh = () => {
      for (const counter of $$("[data-counter]", decision)) {
        const field = $(`#${counter.dataset.counter}`), limit = Number(field.dataset.limit), length = [...field.value].length;
        write(counter, length ? `${length} / ${limit}` : counter.dataset.hint || (counter.dataset.hint = counter.textContent));
        counter.toggleAttribute("data-over", length > limit);
      }
      for (const [one, countries] of presets) one.checked = countries.every((country) => country.checked);
      const category = $("#category").value;
      for (const group of $$("[data-group]", decision)) {
        const ticked = $(":checked", group);
        group.hidden = Boolean(category) && group.dataset.group !== category && group.dataset.group !== "other" && !ticked;
        if (group.dataset.group === category) group.open = true;
      }
    };
    const restore = (values) => {
      for (const field of fields) if (called(field) in values) field[ticks(field) ? "checked" : "value"] = values[called(field)];
      if (ask && $("#question").value) ask.open = true;
    };
    const old = JSON.parse(sessionStorage.getItem(kept) || "{}");
    const keep = (values) => sessionStorage.setItem(kept, JSON.stringify(values));
    if ($("[data-notice=asked]")) { for (const name of Object.keys(old)) if (name.startsWith("question")) delete old[name]; keep(old); }
    // What the server sent back is newer than what was kept.
    if ("returned" in decision.dataset) keep(fresh);
    else if (fields.some((field) => called(field) in old && old[called(field)] !== value(field))) {
      restore(old);
      $("[data-restored]").hidden = false;
    }
    $("[data-forget]").addEventListener("click", () => { sessionStorage.removeItem(kept); restore(fresh); refresh(); $("[data-restored]").hidden = true; $("#facts").focus(); });
    $("#ni-deciding").addEventListener("input", (event) => {
      const preset = presets.find(([one]) => one === event.target);
      if (preset) for (const country of preset[1]) country.checked = event.target.checked;
      keep(read());
      refresh();
    });
    decision.addEventListener("submit", (event) => {
      if (decision.dataset.sent) event.preventDefault();
      decision.dataset.sent = "yes";
      setTimeout(() => { delete decision.dataset.sent; }, 4000);
    });
    refresh();
  }
  for (const button of $$("[data-alone]")) button.removeAttribute("form");
  const done = $("[data-notice=decided]");
  if (done) sessionStorage.removeItem(draftOf(done.dataset.case));

  for (const button of $$("[data-copy]")) if (navigator.clipboard) {
    button.hidden = false;
    button.addEventListener("click", async () => { await navigator.clipboard.writeText(button.dataset.copy); write($("[data-says]"), button.dataset.done); button.title = button.dataset.done; });
  }

  // The queue: filters apply at once, by keyboard on Enter or on leaving the list, and the focus comes back to them.
  const filter = $("#ni-filter"), back = "notice-intake:focus";
  if (filter) {
    let key = "", changed = false;
    const apply = (one) => { changed = false; sessionStorage.setItem(back, one.id); filter.requestSubmit(); };
    const list = (type, act) => filter.addEventListener(type, (event) => { if (event.target.matches("select")) act(event); });
    list("pointerdown", () => { key = ""; });
    list("keydown", (event) => { key = event.key; if (key === "Enter" && changed) { event.preventDefault(); apply(event.target); } });
    list("change", (event) => { if (key && key !== "Enter") changed = true; else apply(event.target); });
    list("focusout", (event) => { if (changed) apply(event.relatedTarget || event.target); });
    const again = document.getElementById(sessionStorage.getItem(back));
    if (again && filter.contains(again)) { filter.closest("details").open = true; again.focus(); }
    sessionStorage.removeItem(back);
    filter.addEventListener("submit", () => { for (const field of filter.elements) if (field.name && !field.value) field.disabled = true; });
    addEventListener("pageshow", () => { for (const field of filter.elements) field.disabled = false; });
  }
  // It keeps itself fresh unless somebody points at it or stops it, says where it could not, and leaves the focus.
  const live = $("[data-live]");
  let since = now();
  const time = (at, length) => new Date(at).toISOString().slice(11, length);
  const like = (one, root) => ["id", "href", "formaction"].map((name) => one.hasAttribute(name) && $(`[${name}="${CSS.escape(one.getAttribute(name))}"]`, root)).find(Boolean);
  async function refreshQueue() {
    if (document.hidden || !$("[data-live-switch]").checked || help.open) return;
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual" }).catch(() => null);
    const stale = $("[data-stale]"), fine = Boolean(answer && answer.ok);
    stale.hidden = fine;
    if (!fine) return write($("a", stale), stale.dataset[answer && answer.status < 500 ? "out" : "silent"].replace("{time}", time(since, 16)));
    if ($("#ni-queue:hover")) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html"), held = document.activeElement;
    for (const selector of ["#ni-queue", "#ni-counts", ".ni-tabs"]) {
      const fresh = $(selector, page), old = $(selector), row = old.contains(held) && held.closest(".ni-row");
      if (!fresh) continue;
      const mine = old.contains(held) && (like(held, fresh) || (row && $(`#${row.id} [data-row]`, fresh)) || $("#ni-main"));
      old.replaceWith(document.adoptNode(fresh));
      if (mine) mine.focus({ preventScroll: true });
    }
    ahead = Date.parse($(".ni", page).dataset.now) - Date.now();
    const text = $("[data-live-at]");
    write(text, text.dataset.text.replace("{time}", time(since = now(), 19)));
    tick();
  }
  if (live) { live.hidden = false; setInterval(refreshQueue, 20000); }

  const jump = $(".ni-jump");
  if (jump) new IntersectionObserver(([form]) => { jump.hidden = form.isIntersecting; }).observe($("#ni-deciding"));

  const problem = $("#ni-problem");
  if (problem) problem.focus();
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  tick();
  setInterval(tick, 1000);
})();

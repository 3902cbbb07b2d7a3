// What the page does beyond HTML: follows what happens, shows times in the reader's own zone, previews a silence while
// it is typed, and understands links that were made for Alertmanager's page. All of it can be missing.
"use strict";
(() => {
  const root = document.body.dataset.root;

  // Links in old notifications: /#/alerts?receiver=ops, /#/silences/ID
  const old = location.hash.match(/^#\/(alerts|silences|status)(?:\/([0-9a-f-]+))?(\?.*)?$/);
  if (old) {
    const to = { alerts: root, silences: root + "ui/silences" + (old[2] ? "/" + old[2] : ""), status: root + "ui/status" };
    location.replace(to[old[1]] + (old[3] || ""));
    return;
  }

  const local = (within) => {
    for (const time of within.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (!isNaN(at)) time.title = at.toLocaleString();
    }
  };
  local(document);

  const fetched = async (url, options) => {
    const answer = await fetch(url, { credentials: "same-origin", ...options });
    if (!answer.ok) throw new Error("answered " + answer.status);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };

  // What an element leads to, and in which row it stands: links of many rows may lead to one place.
  const leads = (element) => [
    element.tagName, element.id, element.getAttribute("href"), element.getAttribute("action"),
    element.form?.getAttribute("action"), element.closest("details")?.id,
  ].join(" ");
  const place = (element) => {
    const row = element.closest(".alert, section, article");
    const first = row?.querySelector("[id], a[href], form");
    return leads(element) + (first ? " in " + leads(first) : "");
  };
  const alike = (within, what) => [...within.querySelectorAll("a[href], button, summary, pre")].filter((one) => place(one) === what);

  // Replaces an element by its newer self; keeps what is open and where the focus is.
  const replace = (id, page) => {
    const now = document.getElementById(id);
    const next = page.getElementById(id);
    if (!now || !next || now.innerHTML === next.innerHTML) return;
    const focus = document.activeElement;
    const inside = now.contains(focus) ? focus : null;
    if (inside && inside.matches("input, select, textarea")) return;
    const what = inside && place(inside);
    const nth = inside && alike(now, what).indexOf(inside);
    const open = [...now.querySelectorAll("details[open][id]")].map((details) => details.id);
    now.replaceChildren(...next.childNodes);
    for (const known of open) document.getElementById(known)?.setAttribute("open", "");
    if (inside) alike(now, what).at(nth)?.focus({ preventScroll: true });
    local(now);
  };

  const pulse = document.getElementById("pulse");
  const say = (state, text) => {
    if (!pulse) return;
    pulse.className = "pulse " + state;
    document.getElementById("pulse-text").textContent = text;
  };

  if ("live" in document.body.dataset && document.getElementById("live")) {
    // `missed`: whether something may have been stored that no stream told of.
    let busy = false, again = false, at = 0, events = null, missed = false;
    const live = () => {
      if (events?.readyState === EventSource.OPEN) say("on", "live");
      else say("off", "not connected");
    };
    const refresh = async () => {
      if (busy || document.hidden) { again = true; return; }
      busy = true;
      again = false;
      try {
        const url = new URL(location.href);
        url.searchParams.delete("said");
        const page = await fetched(url);
        // A proxy may have answered, with a page of its own.
        if (!page.getElementById("live")) throw new Error("another page was answered");
        replace("live", page);
        const links = [page, document].map((side) => side.querySelector(".top nav ul"));
        if (links[0] && links[1] && !links[1].contains(document.activeElement)) links[1].replaceWith(links[0]);
        at = Date.now();
        live();
      } catch (error) {
        say("off", "not live: " + (error instanceof TypeError ? "no answer" : error.message));
      }
      // At most once in two seconds, however much happens.
      setTimeout(() => { busy = false; if (again) refresh(); }, 2000);
    };
    const listen = () => {
      events = new EventSource(root + "ui/events");
      events.onopen = () => {
        if (missed) refresh();
        else live();
        missed = false;
      };
      events.addEventListener("changed", refresh);
      events.onerror = () => {
        missed = true;
        live();
        // It is not tried again by itself: what was missed is fetched at least.
        if (events.readyState === EventSource.CLOSED) refresh();
      };
    };
    // A browser has six connections to a host: what nobody looks at keeps none of them.
    const follow = () => {
      if (!document.hidden) {
        if (!events) listen();
        return;
      }
      events?.close();
      [events, missed] = [null, true];
    };
    document.addEventListener("visibilitychange", follow);
    follow();
    // Ages grow although nothing happens.
    setInterval(() => { if (Date.now() - at > 60000) refresh(); }, 60000);
  }

  // A form that is shown again while it is typed: what would it do?
  for (const form of document.querySelectorAll("form[data-preview]")) {
    let timer = 0, turn = 0;
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const mine = ++turn;
        const body = new URLSearchParams(new FormData(form));
        try {
          const page = await fetched(root + form.dataset.preview, { method: "POST", body });
          if (mine === turn) replace("preview", page);
        } catch { /* the button does the same */ }
      }, 350);
    });
  }

  for (const form of document.querySelectorAll("form[data-confirm]")) {
    form.addEventListener("submit", (event) => {
      if (!confirm(form.dataset.confirm)) event.preventDefault();
    });
  }
})();

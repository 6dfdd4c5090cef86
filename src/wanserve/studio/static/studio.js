// What HTML and htmx cannot do: live states, times in the browser's own zone, sheets that play, and copying.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // Times: the server writes UTC.
  const { lang } = document.documentElement, own = navigator.languages.find((each) => each.split("-")[0] === lang.split("-")[0]);
  const clock = new Intl.DateTimeFormat(own ?? lang, { dateStyle: "medium", timeStyle: "short" });
  const localise = (root) => {
    for (const time of all("time:not([title])", root)) {
      time.title = time.textContent;
      time.textContent = clock.format(new Date(time.dateTime));
    }
  };

  // The address under which the browser sees this server, which a proxy may have changed.
  const here = new URL("./", location.href).href.replace(/\/$/, "");
  const address = (root) => {
    for (const told of all("[data-base]", root)) {
      const base = told.dataset.base;
      if (base === here) continue;
      if ("value" in told) told.value = told.value.replaceAll(base, here);
      else told.textContent = told.textContent.replaceAll(base, here);
      told.dataset.base = here;
    }
  };

  const still = (root) => {
    if (!calm.matches) return;
    for (const video of all("video[autoplay]", root)) {
      video.autoplay = false;
      video.pause();
    }
  };

  // A video that was asked for here may be told of by the stream before the answer comes.
  const once = () => {
    const seen = new Set();
    for (const card of all("#wall > [data-task]")) seen.has(card.id) ? card.remove() : seen.add(card.id);
  };

  // What was opened stays open when its part of the page comes anew.
  const opened = new Map();
  document.addEventListener("toggle", ({ target }) => { if (target.id && target.isConnected) opened.set(target.id, target.open); }, true);
  const reopen = (root) => {
    for (const part of all("details[id]", root)) if (opened.get(part.id) && !part.open) part.open = true;
  };

  const ready = (root) => {
    once();
    reopen(root);
    localise(root);
    address(root);
    still(root);
  };
  ready(document);
  document.addEventListener("htmx:after:settle", () => ready(document));

  // A sheet has five by five pictures of the video: it plays while it is pointed at, and no video is loaded.
  const ROWS = 5, PICTURE_MS = 160;
  const play = (picture) => {
    if (calm.matches || picture.querySelector(".flip")) return;
    const flip = document.createElement("span"), sheet = new Image();
    flip.className = "flip";
    flip.append(sheet);
    sheet.alt = "";
    let at = 0;
    const show = () => {
      sheet.style.transform = `translate(${(-100 / ROWS) * (at % ROWS)}%, ${(-100 / ROWS) * Math.floor(at / ROWS)}%)`;
      at = (at + 1) % (ROWS * ROWS);
    };
    sheet.onload = () => {
      if (!picture.dataset.playing) return;
      show();
      picture.append(flip);
      picture.timer = setInterval(show, PICTURE_MS);
    };
    picture.dataset.playing = "1";
    sheet.src = picture.dataset.sheet;
  };
  const rest = (picture) => {
    delete picture.dataset.playing;
    clearInterval(picture.timer);
    picture.querySelector(".flip")?.remove();
  };
  const sheetOf = (event) => event.target.closest?.("[data-sheet]");
  for (const [event, act] of [["pointerover", play], ["focusin", play], ["pointerout", rest], ["focusout", rest]])
    document.addEventListener(event, (told) => {
      const picture = sheetOf(told);
      if (picture && !(act === rest && told.relatedTarget instanceof Node && picture.contains(told.relatedTarget))) act(picture);
    });

  // Copying.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const from = button.parentElement.querySelector("pre, input"), text = from.value ?? from.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without TLS there is no clipboard: the text is selected instead, for Ctrl+C.
      getSelection().selectAllChildren(from);
      return;
    }
    const label = button.textContent;
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 1500);
  });

  // Two to four videos are chosen on the wall.
  const picked = document.querySelector("[data-picked]");
  const count = () => {
    const chosen = all("[data-pick]:checked").length, told = picked.querySelector("[data-count]");
    picked.hidden = !chosen;
    told.textContent = told.dataset.count.replace("{n}", chosen);
    picked.querySelector(".primary").disabled = chosen < 2 || chosen > 4;
  };
  if (picked) {
    document.addEventListener("change", (event) => { if (event.target.matches("[data-pick]")) count(); });
    picked.addEventListener("reset", () => setTimeout(count));
    count();
  }

  // Videos that play in step: the first one leads.
  const compared = document.querySelector("[data-compare]");
  if (compared) {
    const videos = all("video", compared), [lead] = videos, fps = Number(compared.dataset.fps);
    const button = document.querySelector("[data-play]"), labels = [button.textContent, button.dataset.pause];
    const seek = document.querySelector("[data-seek]"), frame = document.querySelector("[data-frame]");
    const go = (seconds) => {
      for (const video of videos) video.currentTime = Math.min(Math.max(0, seconds), video.duration || 0);
    };
    const tell = () => {
      seek.value = (1000 * lead.currentTime) / (lead.duration || 1);
      frame.textContent = Math.floor(lead.currentTime * fps + 0.01);
      for (const video of videos)
        if (!lead.paused && Math.abs(video.currentTime - lead.currentTime) > 1.5 / fps) video.currentTime = lead.currentTime;
    };
    const pause = () => { for (const video of videos) video.pause(); };
    const toggle = () => { if (lead.paused) for (const video of videos) video.play(); else pause(); };
    // The middle of a frame, so that rounding never shows the one before it.
    const step = (by) => { pause(); go((Math.floor(lead.currentTime * fps + 0.01) + by + 0.5) / fps); };
    lead.addEventListener("timeupdate", tell);
    lead.addEventListener("seeked", tell);
    for (const event of ["play", "pause"]) lead.addEventListener(event, () => { button.textContent = labels[lead.paused ? 0 : 1]; });
    button.addEventListener("click", toggle);
    seek.addEventListener("input", () => { pause(); go((seek.value / 1000) * (lead.duration || 0)); });
    for (const each of all("[data-step]")) each.addEventListener("click", () => step(Number(each.dataset.step)));
    document.addEventListener("keydown", (event) => {
      if (event.target.closest("button, input, select, textarea, a, summary") || event.ctrlKey || event.metaKey || event.altKey) return;
      const act = { " ": toggle, ArrowLeft: () => step(-1), ArrowRight: () => step(1) }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  // A file of ours that is dropped on the page: its settings come back. It is read here, and sent nowhere.
  const HEAD_BYTES = 1 << 20, restore = "[data-restore]";
  const settings = async (file) => {
    const head = new TextDecoder().decode(await file.slice(0, HEAD_BYTES).arrayBuffer());
    const made = /Made by wanserve [^,]*, model ([\w.-]+), seed (\d+)(?:, chosen \(([^)]*)\))?/.exec(head);
    if (!made) return null;
    const video = document.createElement("video");
    video.preload = "metadata";
    video.src = URL.createObjectURL(file);
    try {
      await new Promise((resolve, reject) => { video.onloadedmetadata = resolve; video.onerror = reject; });
    } catch {
      return null;
    } finally {
      URL.revokeObjectURL(video.src);
    }
    const found = [["model", made[1]], ["seed", made[2]], ["size", `${video.videoWidth}*${video.videoHeight}`], ["seconds", Math.round(video.duration)]];
    for (const [, name, value] of (made[3] ?? "").matchAll(/(\w+)=([^,]+)/g)) {
      const [lora, strength] = value.split(":");
      found.push(...(name === "lora" ? [["lora", lora], ["strength", strength]] : [[name, value]]));
    }
    return found;
  };
  const take = async (file) => {
    const found = file && (await settings(file));
    if (found) location.assign(`./?${new URLSearchParams([...found, ["restore", "1"]])}`);
    else say(document.querySelector(restore).dataset.foreign);
  };
  if (document.querySelector(restore)) {
    document.addEventListener("change", (event) => { if (event.target.matches(restore)) take(event.target.files[0]); });
    addEventListener("dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); });
    addEventListener("drop", (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      take(event.dataTransfer.files[0]);
    });
  }

  // What changes by itself is asked for again, but not by pages that nobody sees.
  const REFRESH_MS = 8000;
  setInterval(() => {
    if (!document.hidden) for (const part of all("[data-refresh]")) htmx.trigger(part, "refresh", {}, false);
  }, REFRESH_MS);

  // The filters of the wall are in the address, so that it can be kept and loaded again.
  document.addEventListener("htmx:after:swap", (event) => {
    const filters = event.target.closest?.(".filters");
    if (filters) history.replaceState(null, "", `./?${new URLSearchParams(new FormData(filters))}`);
  });

  // Errors that have no place on the page.
  const toast = document.getElementById("toast");
  const say = (text) => {
    toast.textContent = text;
    setTimeout(() => { if (toast.textContent === text) toast.textContent = ""; }, 6000);
  };
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    const made = ctx.response?.headers?.get("content-type") ?? "";
    // An error belongs into the page only where the answer is the form with the error in it.
    if (ctx.response?.status >= 400 && !ctx.text.includes('id="make"')) {
      event.preventDefault();
      const text = made.startsWith("text/html") ? new DOMParser().parseFromString(ctx.text, "text/html").body.textContent.trim() : document.body.dataset.unexpected;
      say(text);
    }
  });

  // Live states: a stream, and a poll while the stream is interrupted.
  const { events, states, since } = document.body.dataset;
  if (!events) return;
  const POLL_MS = 3000, MOST = 80, UNFINISHED = ["PENDING", "RUNNING"];
  const offline = document.querySelector("[data-offline]"), announce = document.getElementById("announce");
  const asked = new Set(), shown = new Set(), known = new WeakSet();
  let source = null, timer = null, last = since;

  const living = () => all("[data-task]").filter((part) => UNFINISHED.includes(part.dataset.state));
  const unfinished = () => living().map((part) => part.dataset.task);
  const query = (more = []) => new URLSearchParams([...more, ...[...new Set(unfinished())].slice(0, MOST).map((id) => ["id", id])]);

  const show = ({ id, state, html, submitted_ms: submitted }) => {
    if (!state) return;
    const parts = all(`[data-task="${CSS.escape(id)}"]`);
    for (const status of all(`[data-status="${CSS.escape(id)}"]`))
      if (html) htmx.swap({ sourceElement: status, target: status, text: html, swap: "innerMorph" });
    for (const part of parts) {
      const before = part.dataset.state;
      part.dataset.state = state;
      if (state === "DELETED") part.remove();
      else if (UNFINISHED.includes(before) && !UNFINISHED.includes(state)) {
        htmx.trigger(part, "refresh", {}, false);
        announce.textContent = part.querySelector(".state strong")?.textContent ?? "";
      }
    }
    const wall = document.getElementById("wall");
    if (!parts.length && wall && state !== "DELETED" && submitted >= since && !asked.has(id) && !wall.querySelector("[data-filtered]")) {
      // It was submitted elsewhere: by a program, or on another page.
      asked.add(id);
      wall.querySelector(".empty")?.remove();
      htmx.ajax("GET", `studio/task?as=card&id=${encodeURIComponent(id)}`, { target: "#wall", swap: "afterbegin" });
    }
  };

  const poll = async () => {
    try {
      const answer = await fetch(`${states}?${query()}`);
      if (answer.redirected || answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(answer.statusText);
      offline.hidden = true;
      (await answer.json()).tasks.forEach(show);
      if (source?.readyState === EventSource.CLOSED) open();
    } catch {
      offline.hidden = false;
    }
  };

  const open = () => {
    source?.close();
    for (const part of living()) {
      known.add(part);
      shown.add(part.dataset.task);
    }
    source = new EventSource(`${events}?${query([["since", since], ["last", last]])}`);
    source.onopen = () => {
      clearInterval(timer);
      timer = null;
      offline.hidden = true;
      // What ended since the page was made, or since its part was: the stream tells only of what comes from now on.
      if (unfinished().length) poll();
    };
    source.onerror = () => { timer ??= setInterval(poll, POLL_MS); };
    for (const name of ["progress", "completed", "failed", "canceled", "deleted"])
      source.addEventListener(`video.${name}`, (event) => {
        last = event.lastEventId;
        show(JSON.parse(event.data));
      });
  };

  // A hidden page needs no stream: browsers allow a server six connections, over all its pages.
  const wake = () => {
    clearInterval(timer);
    timer = null;
    if (document.hidden) {
      source?.close();
      source = null;
    } else {
      open();
      poll();
    }
  };
  // What came to the page since: older tasks of which it is not told yet, and new ones that may have ended meanwhile.
  document.addEventListener("htmx:after:settle", () => {
    const news = living().filter((part) => !known.has(part));
    for (const part of news) known.add(part);
    if (source && news.some((part) => !shown.has(part.dataset.task))) open();
    else if (news.length) poll();
  });
  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) wake(); });
  open();
})();

// Comfort only: every page works without this file.
(function () {
  "use strict";

  function summary(root) {
    var found = (root || document).querySelector("#error-summary, #alerts .summary");
    if (found) { found.focus(); }
  }

  document.addEventListener("DOMContentLoaded", function () { summary(document); });
  document.addEventListener("htmx:afterSwap", function (event) { summary(event.target); });

  // What went wrong, beside what it is about, or above the page; focus goes there, and an old word about it goes away.
  function told(place, text, calmly) {
    var note = document.createElement(place.id === "alerts" ? "div" : "p");
    note.className = place.id === "alerts" ? "summary" : "error told";
    note.tabIndex = -1;
    note.textContent = text;
    untold(place);
    place.appendChild(note);
    if (!calmly) { note.focus(); }
  }
  function untold(place) {
    if (place.id === "alerts") { place.textContent = ""; return; }
    place.querySelectorAll(".told").forEach(function (note) { note.remove(); });
  }

  // An upload: progress beside the file, and nobody leaves the page under it without being asked.
  var underWay = new Set();
  function uploader(event) {
    var sender = event.detail && event.detail.elt || event.target;
    return sender.closest && sender.closest("form.upload");
  }
  function stopProgress(form) {
    var bar = form.querySelector("progress"), said = form.querySelector(".progress-text");
    if (bar) { bar.hidden = true; bar.value = 0; }
    if (said) { said.textContent = ""; }
  }
  document.addEventListener("htmx:beforeSend", function (event) {
    var form = uploader(event);
    if (form) { underWay.add(form); untold(form); }
  });
  document.addEventListener("htmx:xhr:progress", function (event) {
    var bar = event.target.querySelector && event.target.querySelector("progress");
    if (!bar || !event.detail.lengthComputable || !underWay.has(event.target)) { return; }
    bar.hidden = false;
    bar.max = event.detail.total;
    bar.value = event.detail.loaded;
    var said = event.target.querySelector(".progress-text");
    if (said) {
      var part = Math.floor(100 * event.detail.loaded / Math.max(1, event.detail.total));
      said.textContent = part < 100 ? "正在上传 " + part + "%" : "正在检查文件…";
    }
  });
  function notOurs(place, sender, status) {
    if (!place) { return; }
    if (place.id === "alerts") {
      // Who types into a search goes on typing.
      told(place, "服务器暂时没有应答，刚才的操作没有完成，页面上的内容没有变化。请稍后重试；已保存的内容不会丢失。",
        sender.getAttribute("role") === "search");
    } else if (status === 413) {
      told(place, "文件过大，没有上传成功。请缩小文件（每个不超过 20 MB）后重新选择；小于 20 MB 仍不能上传的，请联系经办机构。");
    } else {
      told(place, "服务器暂时没有应答，文件没有上传成功。请稍后再按“上传”重试，不需要重新选择文件。");
    }
  }
  // Before what came is acted on: it may lead to another page, the log-in for one.
  document.addEventListener("htmx:beforeOnLoad", function (event) {
    var form = uploader(event);
    if (form) { underWay.delete(form); stopProgress(form); }
    var place = document.getElementById("alerts"), xhr = event.detail.xhr;
    if (!xhr.getResponseHeader("X-Answered-By")) {
      // A proxy's word stands for none of ours: the page stays as it is.
      event.preventDefault();
      notOurs(form || place, event.detail.elt, xhr.status);
      return;
    }
    if (place && xhr.status < 400) { untold(place); }
  });
  ["htmx:sendError", "htmx:sendAbort", "htmx:timeout"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      var form = uploader(event), place = form || document.getElementById("alerts");
      if (form) { underWay.delete(form); stopProgress(form); }
      if (!place) { return; }
      told(place, form ? "网络中断，文件没有上传成功。请检查网络，再按“上传”重试，不需要重新选择文件。"
        : "网络中断，没有提交成功。请检查网络后重试；已保存的内容不会丢失。");
    });
  });
  window.addEventListener("beforeunload", function (event) {
    if (!Array.from(underWay).some(function (form) { return form.isConnected; })) { return; }
    event.preventDefault();
    event.returnValue = "";
    // Who stays may press the button again.
    window.setTimeout(unlock, 0);
  });

  // A file that is too large is told before it is sent.
  function checkSize(field) {
    var most = Number(field.dataset.mostBytes), place = field.closest(".field");
    if (!most || !place) { return; }
    var large = field.files.length > 0 && field.files[0].size > most;
    field.setCustomValidity(large ? field.dataset.tooLarge : "");
    if (large) { told(place, field.dataset.tooLarge); } else { untold(place); }
  }

  // A file is sent as soon as it is chosen, once it is said what it is.
  document.addEventListener("change", function (event) {
    var form = event.target.closest && event.target.closest("form[data-send-on-choice]");
    if (event.target.type === "file") { checkSize(event.target); }
    if (!form || !window.htmx || !(event.target.type === "file" || event.target.name === "kind")) { return; }
    var file = form.querySelector("input[type=file]"), kind = form.querySelector("select[name=kind]");
    if (!file.files.length || underWay.has(form)) { return; }
    if (kind && !kind.value) {
      told(form, "请选择材料种类，选好后文件随即上传。", true);
      kind.focus();
      return;
    }
    form.requestSubmit();
  });

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    window.setTimeout(function () { delete form.dataset.sent; }, 8000);
  });
  function unlock() {
    document.querySelectorAll("form[data-sent]").forEach(function (form) { delete form.dataset.sent; });
  }
  window.addEventListener("pageshow", function (event) {
    // A draft that was handed in meanwhile is none any more.
    if (event.persisted && document.querySelector("[data-fresh]")) { window.location.reload(); return; }
    unlock();
  });

  // What is typed into fields marked `data-keep` outlasts a session that ends meanwhile: in this tab, for this account,
  // until the form has led to another page, or somebody logs out.
  var store = null, who = document.body.dataset.who, PREFIX = "mente typed ", SENT = "mente sent";
  try { store = window.sessionStorage; } catch (error) { /* a browser that keeps nothing */ }
  function formKey(field) { return PREFIX + who + " " + (field.form ? field.form.getAttribute("action") : ""); }
  function keyOf(field) { return formKey(field) + " " + field.name; }
  function forget(prefix, but) {
    Object.keys(store).forEach(function (key) {
      if (key.startsWith(prefix) && !(but && key.startsWith(but))) { store.removeItem(key); }
    });
  }
  function restore() {
    if (document.querySelector("[data-holds-typed]") || !who) { return; }
    forget(PREFIX, PREFIX + who + " ");
    var fields = Array.from(document.querySelectorAll("[data-keep]")), sent = store.getItem(SENT);
    store.removeItem(SENT);
    if (sent && !fields.some(function (field) { return formKey(field) === sent; })) { forget(sent + " "); }
    fields.forEach(function (field) {
      var kept = store.getItem(keyOf(field));
      if (!kept || field.value) { return; }
      field.value = kept;
      var note = document.createElement("p");
      note.className = "hint";
      note.setAttribute("role", "status");
      note.textContent = "已恢复您之前填写、还没有提交的内容。";
      field.insertAdjacentElement("afterend", note);
    });
  }
  if (store) {
    document.addEventListener("DOMContentLoaded", restore);
    document.addEventListener("input", function (event) {
      if (!who || !event.target.matches || !event.target.matches("[data-keep]")) { return; }
      try { store.setItem(keyOf(event.target), event.target.value); } catch (error) { /* full: comfort only */ }
    });
    document.addEventListener("submit", function (event) {
      if (event.target.getAttribute("action") === "/logout") { forget(PREFIX); return; }
      var field = Array.from(event.target.elements).find(function (each) { return each.matches("[data-keep]"); });
      if (field && who && !event.defaultPrevented) { store.setItem(SENT, formKey(field)); }
    });
  }

  document.addEventListener("click", function (event) {
    if (event.target.closest && event.target.closest("[data-print]")) { window.print(); }
  });

  // A paper opens in its frame: where that is out of sight, the page goes there.
  document.addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest('a[target="paper"]');
    var viewer = link && document.querySelector(".viewer");
    if (!viewer) { return; }
    var place = viewer.getBoundingClientRect();
    if (place.top < 0 || place.top > window.innerHeight / 2) { viewer.scrollIntoView({ block: "start" }); }
  });
}());

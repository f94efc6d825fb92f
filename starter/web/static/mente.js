// Comfort only: every page works without this file.
(function () {
  "use strict";

  function summary(root) {
    var found = (root || document).querySelector("#error-summary, #alerts .summary");
    if (found) { found.focus(); }
  }

  document.addEventListener("DOMContentLoaded", function () { summary(document); });
  document.addEventListener("htmx:afterSwap", function (event) { summary(event.target); });

  // Progress of an upload, beside the file.
  document.addEventListener("htmx:xhr:progress", function (event) {
    var bar = event.target.querySelector && event.target.querySelector("progress");
    if (!bar || !event.detail.lengthComputable) { return; }
    bar.hidden = false;
    bar.max = event.detail.total;
    bar.value = event.detail.loaded;
    var said = event.target.querySelector(".progress-text");
    if (said) {
      var part = Math.floor(100 * event.detail.loaded / Math.max(1, event.detail.total));
      said.textContent = part < 100 ? "正在上传 " + part + "%" : "正在检查文件…";
    }
  });
  document.addEventListener("htmx:sendError", function () {
    var place = document.getElementById("alerts");
    if (!place) { return; }
    place.textContent = "";
    var note = document.createElement("div");
    note.className = "summary";
    note.textContent = "网络中断，没有提交成功。请检查网络后重试；已保存的内容不会丢失。";
    place.appendChild(note);
  });

  // A file is sent as soon as it is chosen.
  document.addEventListener("change", function (event) {
    var form = event.target.closest && event.target.closest("form[data-send-on-choice]");
    if (form && event.target.type === "file" && event.target.files.length && window.htmx) { form.requestSubmit(); }
  });

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    window.setTimeout(function () { delete form.dataset.sent; }, 8000);
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) { delete form.dataset.sent; });
  });

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

"use strict";
(() => {
  const slides = [...document.querySelectorAll(".slide")];
  const body = document.body;
  const place = document.getElementById("go-place");
  let now = 0;

  const inSlides = () => body.classList.contains("slides");

  function show(number) {
    now = Math.max(0, Math.min(slides.length - 1, number));
    slides.forEach((slide, i) => slide.classList.toggle("now", i === now));
    place.textContent = `${now + 1} of ${slides.length}`;
    if (inSlides()) {
      history.replaceState(null, "", `#slides-${now + 1}`);
      window.dispatchEvent(new Event("resize"));
    }
  }

  function nearest() {
    const seen = slides.findIndex((slide) => slide.getBoundingClientRect().bottom > 120);
    return Math.max(0, seen);
  }

  function present(on, number) {
    const first = number ?? (on ? nearest() : now);
    body.classList.toggle("slides", on);
    for (const details of document.querySelectorAll("details.notes")) details.open = on;
    show(first);
    if (!on) {
      history.replaceState(null, "", location.pathname + location.search);
      slides[now].scrollIntoView();
    }
  }

  function notes() {
    const on = body.classList.toggle("with-notes");
    document.getElementById("show-notes").setAttribute("aria-pressed", String(on));
    window.dispatchEvent(new Event("resize"));
  }

  function fromAddress() {
    const match = /^#slides(?:-(\d+))?$/.exec(location.hash);
    if (match) present(true, match[1] ? Number(match[1]) - 1 : 0);
  }

  const steps = {
    ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1,
    ArrowLeft: -1, ArrowUp: -1, PageUp: -1,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (target.matches?.("input, textarea, select")) return;
    if (event.key === "p" || event.key === "P") return present(!inSlides());
    if (!inSlides()) return;
    if (event.key === "Escape") return present(false);
    if (event.key === "n" || event.key === "N") return notes();
    if (event.key === " " && target.matches?.("button, summary")) return;
    if (target.matches?.("canvas") && event.key.startsWith("Arrow")) return;
    if (event.key === "Home") show(0);
    else if (event.key === "End") show(slides.length - 1);
    else if (event.key in steps) show(now + steps[event.key]);
    else return;
    event.preventDefault();
  });
  document.getElementById("present").addEventListener("click", () => present(true));
  document.getElementById("go-page").addEventListener("click", () => present(false));
  document.getElementById("go-back").addEventListener("click", () => show(now - 1));
  document.getElementById("go-on").addEventListener("click", () => show(now + 1));
  document.getElementById("show-notes").addEventListener("click", notes);
  window.addEventListener("hashchange", fromAddress);
  fromAddress();

  const canvas = document.getElementById("map");
  if (!canvas) return;
  const cells = JSON.parse(document.getElementById("cells").textContent);
  const told = document.getElementById("told");
  const onlyWrong = document.getElementById("wrong");
  const brush = canvas.getContext("2d");
  const all = { scale: 1, x: 500, y: 500 };
  let view = { ...all };
  let chosen = -1;

  const isWrong = (i) => cells.called[i] >= 0 && cells.called[i] !== cells.label[i];
  const isShown = (i) => !onlyWrong.checked || isWrong(i);
  function unit() {
    return (Math.min(canvas.clientWidth, canvas.clientHeight) / 1060) * view.scale;
  }
  const across = (i) => (cells.x[i] - view.x) * unit() + canvas.clientWidth / 2;
  const down = (i) => (cells.y[i] - view.y) * unit() + canvas.clientHeight / 2;

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    brush.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    const size = Math.max(2.2, Math.min(6, (canvas.clientWidth / 260) * Math.sqrt(view.scale)));
    for (let i = 0; i < cells.x.length; i++) {
      if (!isShown(i)) continue;
      brush.beginPath();
      brush.arc(across(i), down(i), size, 0, 2 * Math.PI);
      brush.fillStyle = cells.colors[cells.label[i]];
      brush.fill();
      if (isWrong(i)) {
        brush.lineWidth = 1.5;
        brush.strokeStyle = "#000000";
        brush.stroke();
      }
    }
    if (chosen >= 0 && isShown(chosen)) {
      brush.beginPath();
      brush.arc(across(chosen), down(chosen), size + 4, 0, 2 * Math.PI);
      brush.lineWidth = 3;
      brush.strokeStyle = "#000000";
      brush.stroke();
    }
  }

  function tell() {
    if (chosen < 0) {
      told.textContent = `${cells.plane}: black rings are test cells that were named wrongly.`;
      return;
    }
    const label = cells.types[cells.label[chosen]];
    const called = cells.called[chosen];
    const answer = called < 0
      ? "not among the test cells"
      : `called ${cells.types[called]} with ${cells.sure[chosen]} % confidence`;
    told.textContent = `${cells.names[chosen]}: ${label}, ${answer}`;
  }

  function choose(x, y) {
    let best = 18 * 18;
    chosen = -1;
    for (let i = 0; i < cells.x.length; i++) {
      if (!isShown(i)) continue;
      const distance = (across(i) - x) ** 2 + (down(i) - y) ** 2;
      if (distance < best) {
        best = distance;
        chosen = i;
      }
    }
    tell();
    draw();
  }

  function zoom(factor) {
    view.scale = Math.max(1, Math.min(40, view.scale * factor));
    draw();
  }

  let dragged = null;
  canvas.addEventListener("pointerdown", (event) => {
    dragged = { x: event.offsetX, y: event.offsetY };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", () => { dragged = null; });
  canvas.addEventListener("pointermove", (event) => {
    if (dragged) {
      view.x -= (event.offsetX - dragged.x) / unit();
      view.y -= (event.offsetY - dragged.y) / unit();
      dragged = { x: event.offsetX, y: event.offsetY };
      draw();
    } else choose(event.offsetX, event.offsetY);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.25 : 0.8);
  }, { passive: false });
  const moves = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] };
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "+") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") { view = { ...all }; draw(); }
    else if (event.key in moves) {
      view.x += moves[event.key][0] / view.scale;
      view.y += moves[event.key][1] / view.scale;
      choose(canvas.clientWidth / 2, canvas.clientHeight / 2);
    } else return;
    event.preventDefault();
  });
  onlyWrong.addEventListener("change", () => { chosen = -1; tell(); draw(); });
  window.addEventListener("resize", draw);
  window.addEventListener("beforeprint", draw);
  tell();
  draw();
})();

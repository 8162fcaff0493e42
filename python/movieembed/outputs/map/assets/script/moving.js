  // --- moving ---------------------------------------------------------------------------------

  let flight = 0;
  const bounded = (s) => Math.min(400, Math.max(home.s * 0.5, s));
  function fly(x, y, s) {
    cancelAnimationFrame(flight);
    s = bounded(s);
    const from = { ...camera };
    const far = Math.hypot(x - from.x, y - from.y) * Math.min(from.s, s);
    // A long way goes up first, so that one sees where to.
    const dip = Math.min(0.8, Math.max(0, Math.log(Math.max(far, 1)) * 0.4));
    const time = still.matches ? 0 : 350 + Math.min(500, 300 * far);
    const start = performance.now();
    const step = (now) => {
      const t = time ? Math.min(1, Math.max(0, (now - start) / time)) : 1;
      const e = t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2;
      camera.x = from.x + (x - from.x) * e;
      camera.y = from.y + (y - from.y) * e;
      camera.s = Math.exp(
        Math.log(from.s) + (Math.log(s) - Math.log(from.s)) * e - dip * Math.sin(Math.PI * e),
      );
      moved();
      if (t < 1) flight = requestAnimationFrame(step);
      else document.body.dataset.flying = '';
    };
    document.body.dataset.flying = 'yes';
    step(start);
  }
  function zoomAt(px, py, factor) {
    cancelAnimationFrame(flight);
    const s = bounded(camera.s * factor);
    const x = camera.x + (px - W / 2) / unit();
    const y = camera.y - (py - H / 2) / unit();
    camera.s = s;
    camera.x = x - (px - W / 2) / unit();
    camera.y = y + (py - H / 2) / unit();
    moved();
  }
  function pan(dx, dy) {
    cancelAnimationFrame(flight);
    camera.x = Math.min(1.5, Math.max(-1.5, camera.x - dx / unit()));
    camera.y = Math.min(1.5, Math.max(-1.5, camera.y + dy / unit()));
    moved();
  }
  const goHome = () => fly(home.x, home.y, home.s);

  const fingers = new Map();
  let travelled = 0;
  canvas.addEventListener('pointerdown', (event) => {
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (fingers.size === 1) travelled = 0;
  });
  addEventListener('pointermove', (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
    travelled += Math.hypot(dx, dy);
    if (fingers.size === 1) {
      if (travelled > 4) {
        canvas.classList.add('moving');
        canvas.setPointerCapture(event.pointerId);
        pan(dx, dy);
      }
    } else {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const before = Math.hypot(last[0] - other[0], last[1] - other[1]);
      const now = Math.hypot(event.clientX - other[0], event.clientY - other[1]);
      pan(dx / 2, dy / 2);
      if (before > 0) zoomAt((event.clientX + other[0]) / 2, (event.clientY + other[1]) / 2, now / before);
    }
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  for (const kind of ['pointerup', 'pointercancel']) {
    addEventListener(kind, (event) => {
      fingers.delete(event.pointerId);
      if (!fingers.size) canvas.classList.remove('moving');
    });
  }
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      zoomAt(event.clientX, event.clientY, Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) / 400));
    },
    { passive: false },
  );
  canvas.addEventListener('dblclick', (event) => zoomAt(event.clientX, event.clientY, 2));
  $('in').onclick = () => fly(camera.x, camera.y, camera.s * 1.8);
  $('out').onclick = () => fly(camera.x, camera.y, camera.s / 1.8);
  $('home').onclick = goHome;

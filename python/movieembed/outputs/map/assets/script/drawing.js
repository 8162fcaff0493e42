  // --- the drawing ----------------------------------------------------------------------------

  const canvas = $('points');
  const overlay = $('overlay');
  const ink = overlay.getContext('2d');
  // Many points are drawn small, or they would cover each other.
  const largest = n > 30000 ? 11 : 15;
  const smallest = n > 30000 ? 1.6 : 3;
  const sizes = Array.from({ length: 24 }, (_, t) => smallest + (largest - smallest) * (t / 23) ** 2);
  let plot;
  let renderer;
  try {
    // With a canvas of its own, for the one it makes is cut at the size of the screen.
    renderer = reglScatterplot.createRenderer({ canvas: document.createElement('canvas') });
    plot = reglScatterplot.default({
      canvas,
      renderer,
      cameraIsFixed: true, // the page moves it, for touch and keys too
      actionKeyMap: {},
      syncEvents: true,
      deselectOnDblClick: false,
      deselectOnEscape: false,
      sizeBy: 'valueB',
      colorBy: 'valueA',
      pointSize: sizes,
      pointSizeSelected: 2,
      pointOutlineWidth: 2,
      opacity: n > 30000 ? 0.55 : 0.8,
      opacityInactiveMax: 0.9,
      opacityInactiveScale: 0.3,
      showReticle: false,
    });
  } catch (error) {
    fail('This map needs WebGL, which this browser or machine does not offer.');
    throw error;
  }
  const camera = { x: 0, y: 0, s: 1 };
  let W = 1;
  let H = 1;
  let chosen = -1;
  let lit = [];
  let over = -1;
  let shown = null; // a mask where the key filters
  let ready = false;
  let colours = { text: '#000', back: '#fff', accent: '#f00' };

  const unit = () => (H / 2) * camera.s;
  const onX = (i) => W / 2 + (X[i] - camera.x) * unit();
  const onY = (i) => H / 2 - (Y[i] - camera.y) * unit();
  const radius = (i) =>
    (sizes[Math.floor(weight[i] * 24)] / 2) * (Math.asinh(Math.max(1, camera.s)) / Math.asinh(1));
  const homeScale = () => Math.min(1, W / H) * 0.94;

  let pending = false;
  function moved() {
    const { x, y, s } = camera;
    if (ready) {
      plot.view(new Float32Array([s, 0, 0, 0, 0, s, 0, 0, 0, 0, 1, 0, -s * x, -s * y, 0, 1]), {
        preventEvent: true,
      });
    }
    repaint();
  }
  function repaint() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      paint();
    });
  }

  const widths = new Map();
  const label = (i) => (titles[i].length > 42 ? `${titles[i].slice(0, 40)}…` : titles[i]);
  function paint() {
    const ratio = devicePixelRatio || 1;
    if (overlay.width !== Math.round(W * ratio) || overlay.height !== Math.round(H * ratio)) {
      overlay.width = Math.round(W * ratio);
      overlay.height = Math.round(H * ratio);
    }
    ink.setTransform(ratio, 0, 0, ratio, 0, 0);
    ink.clearRect(0, 0, W, H);
    if (chosen >= 0) paintLinks();
    paintLabels();
    placeCard();
  }
  function paintLinks() {
    ink.strokeStyle = colours.accent;
    ink.lineWidth = 1.4;
    ink.globalAlpha = 0.65;
    ink.beginPath();
    for (const j of lit) {
      ink.moveTo(onX(chosen), onY(chosen));
      ink.lineTo(onX(j), onY(j));
    }
    ink.stroke();
    ink.globalAlpha = 1;
    for (const j of [chosen, ...lit]) {
      ink.lineWidth = j === chosen ? 2.5 : 1.6;
      ink.beginPath();
      ink.arc(onX(j), onY(j), Math.max(5, radius(j) + (j === chosen ? 4 : 2)), 0, 7);
      ink.stroke();
    }
  }
  function paintLabels() {
    // No title is put under a panel.
    const boxes = [];
    for (const panel of document.querySelectorAll('.card')) {
      if (panel.id === 'card' || panel.hidden) continue;
      const { left, top, right, bottom } = panel.getBoundingClientRect();
      boxes.push([left, top, right, bottom]);
    }
    const panels = boxes.length;
    const limit = Math.min(90, Math.max(12, Math.round((W * H) / 14000)));
    ink.textAlign = 'center';
    ink.textBaseline = 'alphabetic';
    ink.lineJoin = 'round';
    ink.strokeStyle = colours.back;
    let tried = 0;
    const place = (i, strong) => {
      const y = onY(i);
      let x = onX(i);
      if (x < 0 || x > W || y < 0 || y > H) return;
      tried++;
      const size = strong ? 13 : 11 + Math.round(2.4 * weight[i] ** 3);
      const font = `${strong ? 600 : 400} ${size}px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif`;
      const name = `${size}${strong ? 'b' : ''} ${i}`;
      if (!widths.has(name)) {
        ink.font = font;
        widths.set(name, ink.measureText(label(i)).width);
      }
      const half = widths.get(name) / 2 + 3;
      x = Math.max(half, Math.min(W - half, x));
      const below = y - radius(i) - 4;
      for (const base of strong ? [below, y + radius(i) + size + 4] : [below]) {
        const box = [x - half, base - size - 1, x + half, base + 4];
        if (boxes.some((b) => b[0] < box[2] && b[2] > box[0] && b[1] < box[3] && b[3] > box[1])) continue;
        boxes.push(box);
        ink.font = font;
        ink.lineWidth = 3.2;
        ink.strokeText(label(i), x, base);
        ink.fillStyle = strong && i === chosen ? colours.accent : colours.text;
        ink.fillText(label(i), x, base);
        return;
      }
    };
    if (chosen >= 0) for (const i of [chosen, ...lit]) place(i, true);
    // Beside a choice only what is chosen is named: other titles would hide it.
    if (chosen < 0) {
      for (const i of byLikes) {
        if (boxes.length - panels >= limit || tried > 2500) break;
        if (!shown || shown[i]) place(i, false);
      }
    }
    document.body.dataset.labels = boxes.length - panels;
  }

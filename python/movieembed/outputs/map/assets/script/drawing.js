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
  let chosen = -1;
  let lit = [];
  let over = -1;
  let shown = null; // a mask where the key filters
  let ready = false;
  let colours = { text: '#000', back: '#fff', soft: '#555', accent: '#f00' };

  const sizeOf = (i) => sizes[Math.floor(weight[i] * 24)];
  const growth = () => Math.asinh(Math.max(1, camera.s)) / Math.asinh(1);
  const radius = (i) => (sizeOf(i) / 2) * growth();

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

  function paint() {
    const ratio = devicePixelRatio || 1;
    if (overlay.width !== Math.round(W * ratio) || overlay.height !== Math.round(H * ratio)) {
      overlay.width = Math.round(W * ratio);
      overlay.height = Math.round(H * ratio);
    }
    ink.setTransform(ratio, 0, 0, ratio, 0, 0);
    ink.clearRect(0, 0, W, H);
    if (chosen >= 0) paintLinks();
    paintNames();
    placeCard();
  }

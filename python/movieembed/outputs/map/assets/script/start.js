  // --- light and dark -------------------------------------------------------------------------

  const system = matchMedia('(prefers-color-scheme: dark)');
  let theme = null;
  try {
    theme = localStorage.getItem('movieembed-map-theme');
  } catch {
    // Some browsers keep nothing for files.
  }
  function dress() {
    document.documentElement.dataset.theme = theme || (system.matches ? 'dark' : 'light');
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    colours = { text: value('--text'), back: value('--back'), accent: value('--accent') };
    plot.set({ backgroundColor: colours.back });
    repaint();
  }
  system.addEventListener('change', dress);
  $('theme').onclick = () => {
    theme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
    try {
      localStorage.setItem('movieembed-map-theme', theme);
    } catch {
      // As above.
    }
    dress();
  };

  // --- the start ------------------------------------------------------------------------------

  function resize() {
    W = innerWidth;
    H = innerHeight;
    renderer.resize(W, H);
    plot.set({ width: W, height: H });
    moved();
  }
  addEventListener('resize', resize);
  $('key').open = !narrow.matches;
  $('key').addEventListener('toggle', repaint);
  resize();
  dress();
  camera.s = homeScale();
  await colourBy(Object.keys(modes)[0]);
  ready = true;
  moved();
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      document.body.dataset.ready = Math.round(performance.now());
    }),
  );
  setTimeout(indexed, 300);

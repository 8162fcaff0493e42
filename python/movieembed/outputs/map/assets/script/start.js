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
    colours = { text: value('--text'), soft: value('--soft'), back: value('--back'), accent: value('--accent') };
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

  let atHome = true;
  function resize() {
    W = innerWidth;
    H = innerHeight;
    renderer.resize(W, H);
    plot.set({ width: W, height: H });
    moved();
  }
  let waiting = 0;
  addEventListener('resize', () => {
    atHome = Math.abs(camera.s / home.s - 1) < 1e-3;
    resize();
    clearTimeout(waiting);
    // The points' places are found again only when the window has come to rest.
    waiting = setTimeout(async () => {
      if (shape()) await colourBy($('by').value, true);
      if (atHome) Object.assign(camera, home);
      moved();
    }, 150);
  });
  $('about').textContent = `${number.format(n)} items; alike ones lie together`;
  $('key').open = !narrow.matches;
  $('key').addEventListener('toggle', repaint);
  countDots();
  resize();
  dress();
  await colourBy(Object.keys(modes)[0]);
  ready = true;
  moved();
  if (location.hash) follow();
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      document.body.dataset.ready = Math.round(performance.now());
    }),
  );
  setTimeout(indexed, 300);

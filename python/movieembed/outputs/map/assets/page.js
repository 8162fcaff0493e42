(async () => {
  'use strict';
  const $ = (id) => document.getElementById(id);
  const make = (tag, text, into) => {
    const element = document.createElement(tag);
    // Never innerHTML: titles come from whoever made the data.
    if (text !== undefined) element.textContent = text;
    if (into) into.append(element);
    return element;
  };
  const fail = (text) => {
    $('message').textContent = text;
    $('message').hidden = false;
  };
  const number = new Intl.NumberFormat('en');
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const narrow = matchMedia('(max-width: 640px)');

  // --- the data: a JSON header and typed arrays in gzip ---------------------------------------

  async function unpacked() {
    const text = atob($('data').textContent.trim());
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    $('data').remove();
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    const buffer = await new Response(stream).arrayBuffer();
    const length = new Uint32Array(buffer, 0, 1)[0];
    const data = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    let at = 4 + length;
    for (const [name, [type, size]] of Object.entries(data.arrays)) {
      const kind = type === 'u2' ? Uint16Array : Uint32Array;
      data[name] = new kind(buffer, at, size);
      at += Math.ceil((size * kind.BYTES_PER_ELEMENT) / 4) * 4;
    }
    return data;
  }

  let data;
  try {
    data = await unpacked();
  } catch (error) {
    fail('This map needs a newer browser (Chrome 80, Firefox 113 or Safari 16.4).');
    throw error;
  }
  const { titles, years, likes, neighbours, k } = data;
  const n = titles.length;
  const none = neighbours.BYTES_PER_ELEMENT === 2 ? 0xffff : 0xffffffff;
  const X = new Float32Array(n);
  const Y = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    X[i] = data.xy[i] / 32767.5 - 1;
    Y[i] = data.xy[n + i] / 32767.5 - 1;
  }
  const weight = new Float32Array(n);
  let most = 1;
  for (let i = 0; i < n; i++) most = Math.max(most, likes[i]);
  for (let i = 0; i < n; i++) weight[i] = Math.min(0.9999, Math.log1p(likes[i]) / Math.log1p(most));
  const byLikes = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => likes[b] - likes[a]);
  const genresOf = (i) => data.combinations[data.combined[i]];
  const nearest = (i) => Array.from(neighbours.subarray(i * k, i * k + k)).filter((j) => j !== none);
  function facts(i) {
    const parts = [];
    if (years[i]) parts.push(String(years[i]));
    const names = genresOf(i).map((g) => data.genres[g]);
    if (names.length) parts.push(names.sort().join(', '));
    parts.push(likes[i] === 1 ? '1 like' : `${number.format(likes[i])} likes`);
    return parts.join(' · ');
  }

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

  // --- moving ---------------------------------------------------------------------------------

  let flight = 0;
  const bounded = (s) => Math.min(400, Math.max(homeScale() * 0.5, s));
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
  const home = () => fly(0, narrow.matches ? 0.05 : 0, homeScale());

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
  $('home').onclick = home;

  // --- hovering and choosing ------------------------------------------------------------------

  const card = $('card');
  const input = $('search');
  const list = $('found');
  function placeCard() {
    card.hidden = over < 0 || over === chosen;
    if (card.hidden) return;
    const gap = radius(over) + 10;
    const [x, y] = [onX(over), onY(over)];
    const left = x + gap + card.offsetWidth > W - 8 ? x - gap - card.offsetWidth : x + gap;
    const top = Math.min(H - card.offsetHeight - 8, Math.max(8, y - card.offsetHeight / 2));
    card.style.transform = `translate(${Math.max(8, left)}px, ${top}px)`;
  }
  plot.subscribe('pointOver', (i) => {
    over = i;
    card.firstChild.textContent = titles[i];
    card.lastChild.textContent = facts(i);
    canvas.classList.add('over');
    repaint();
  });
  plot.subscribe('pointOut', () => {
    over = -1;
    canvas.classList.remove('over');
    repaint();
  });
  let hit = false;
  plot.subscribe('select', ({ points }) => {
    hit = true;
    if (points.length) choose(points[0], false);
  });
  // After the library's, which says whether a point was there.
  canvas.addEventListener('click', () => {
    if (!hit && travelled <= 4) clear();
    hit = false;
    canvas.focus({ preventScroll: true });
  });

  function light() {
    plot.select([chosen, ...lit], { preventEvent: true });
    document.body.dataset.lit = lit.length;
  }
  function choose(i, travel) {
    if (shown && !shown[i]) filter(null);
    chosen = i;
    over = -1;
    lit = nearest(i);
    light();
    input.value = titles[i];
    $('name').textContent = titles[i];
    $('facts').textContent = facts(i);
    $('neighbours').replaceChildren();
    for (const j of lit) {
      const button = make('button', undefined, make('li', undefined, $('neighbours')));
      button.type = 'button';
      make('b', titles[j], button).style.fontWeight = 400;
      make('span', years[j] || '', button);
      button.onclick = () => choose(j, true);
    }
    $('chosen').hidden = false;
    $('chosen').scrollTop = 0;
    document.body.classList.add('has-choice');
    if (travel) flyTo(i);
    repaint();
  }
  function flyTo(i) {
    // To the middle of what the panels leave free, near enough that most of the lit ones are in it:
    // the farthest three may lie in another part of the map.
    const left = narrow.matches ? 0 : $('side').getBoundingClientRect().right;
    const right = narrow.matches ? W : $('key').getBoundingClientRect().left;
    const top = narrow.matches ? $('tools').getBoundingClientRect().bottom : 0;
    const bottom = narrow.matches ? $('chosen').getBoundingClientRect().top : H;
    const reach = lit.map((j) => Math.hypot(X[j] - X[i], Y[j] - Y[i])).sort((a, b) => a - b);
    const radius = Math.max(0.01, reach[Math.max(0, reach.length - 4)] || 0);
    const free = 0.4 * Math.max(120, Math.min(right - left, bottom - top));
    const s = Math.min(40, Math.max(homeScale(), free / (radius * (H / 2))));
    const k = (H / 2) * s;
    fly(X[i] - ((left + right) / 2 - W / 2) / k, Y[i] + ((top + bottom) / 2 - H / 2) / k, s);
  }
  function clear() {
    chosen = -1;
    lit = [];
    input.value = '';
    document.body.dataset.lit = 0;
    plot.deselect({ preventEvent: true });
    $('chosen').hidden = true;
    document.body.classList.remove('has-choice');
    repaint();
  }
  $('close').onclick = () => {
    clear();
    canvas.focus();
  };

  // --- the search -----------------------------------------------------------------------------

  let keys = null;
  let hits = [];
  let active = 0;
  const plain = (text) => text.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase();
  const indexed = () => {
    // "Matrix, The" is found as "the matrix" too.
    keys ||= titles.map((title) => {
      const key = plain(title);
      const turned = /^(.*), (the|a|an|le|la|les|el|il|der|die|das)\b(.*)$/.exec(key);
      return turned ? `${turned[2]} ${turned[1]}${turned[3]}\n${key}` : key;
    });
    return keys;
  };
  function found(text) {
    const year = /^(.*?)\s*\(?(\d{4})\)?$/.exec(text);
    const wanted = plain(text).trim();
    if (!wanted) return [];
    const tiers = [[], [], [], []];
    const search = (want, only) => {
      const all = indexed();
      for (const i of byLikes) {
        if (only && years[i] !== only) continue;
        const key = all[i];
        const at = key.indexOf(want);
        if (at < 0) continue;
        const from = at === 0 || key[at - 1] === '\n';
        const to = at + want.length === key.length || key[at + want.length] === '\n';
        const tier = from ? (to ? 0 : 1) : /[\p{L}\p{N}]/u.test(key[at - 1]) ? 3 : 2;
        if (tiers[tier].length < 12) tiers[tier].push(i);
      }
    };
    search(wanted, 0);
    if (year && year[1].trim()) search(plain(year[1]).trim(), Number(year[2]));
    return [...new Set(tiers.flat())].slice(0, 12);
  }
  function suggest() {
    hits = found(input.value);
    active = 0;
    list.replaceChildren();
    hits.forEach((i, at) => {
      const row = make('li', undefined, list);
      row.id = `hit${at}`;
      row.setAttribute('role', 'option');
      make('b', titles[i], row).style.fontWeight = 400;
      make('span', years[i] || '', row);
      row.onpointerdown = (event) => event.preventDefault();
      row.onclick = () => take(at);
    });
    if (!hits.length && input.value.trim()) make('li', 'No title has that in it', list).className = 'none';
    open(input.value.trim() !== '');
    mark();
  }
  function open(wanted) {
    list.hidden = !wanted;
    input.setAttribute('aria-expanded', String(wanted));
  }
  function mark() {
    hits.forEach((_, at) => list.children[at].setAttribute('aria-selected', String(at === active)));
    if (hits.length) {
      input.setAttribute('aria-activedescendant', `hit${active}`);
      list.children[active].scrollIntoView({ block: 'nearest' });
    } else input.removeAttribute('aria-activedescendant');
  }
  function take(at) {
    const i = hits[at];
    if (i === undefined) return;
    open(false);
    input.blur();
    choose(i, true);
  }
  input.addEventListener('input', suggest);
  input.addEventListener('focus', () => {
    input.select();
    if (input.value) suggest();
  });
  input.addEventListener('blur', () => open(false));
  input.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && hits.length) {
      active = (active + step + hits.length) % hits.length;
      mark();
      event.preventDefault();
    } else if (event.key === 'Enter') take(active);
  });

  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      if (document.activeElement === input && !list.hidden) open(false);
      else {
        clear();
        filter(null);
        input.blur();
      }
      return;
    }
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const step = event.shiftKey ? 240 : 80;
    const action = {
      ArrowLeft: () => pan(step, 0),
      ArrowRight: () => pan(-step, 0),
      ArrowUp: () => pan(0, step),
      ArrowDown: () => pan(0, -step),
      '+': () => zoomAt(W / 2, H / 2, 1.3),
      '=': () => zoomAt(W / 2, H / 2, 1.3),
      '-': () => zoomAt(W / 2, H / 2, 1 / 1.3),
      0: home,
      '/': () => input.focus(),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });

  // --- colours --------------------------------------------------------------------------------

  const ramp = ['#4f6bed', '#7d5fe0', '#a94fcb', '#d1489f', '#ec5a6e', '#f58545', '#f2b632'];
  function mixed(t) {
    const at = Math.min(0.9999, Math.max(0, t)) * (ramp.length - 1);
    const [a, b] = [ramp[Math.floor(at)], ramp[Math.floor(at) + 1]];
    const part = (hex, from) => parseInt(hex.slice(from, from + 2), 16);
    const f = at % 1;
    const both = [1, 3, 5].map((p) => Math.round(part(a, p) * (1 - f) + part(b, p) * f));
    return `#${both.map((v) => v.toString(16).padStart(2, '0')).join('')}`;
  }
  // How to colour: the colours, which is each item's, and rows for the key.
  const modes = {};
  if (data.genres.length) {
    const palette = [...data.colours.slice(0, data.genres.length), data.other];
    const counts = new Uint32Array(data.genres.length);
    for (let i = 0; i < n; i++) for (const g of genresOf(i)) counts[g]++;
    modes.Genre = {
      palette,
      of: (i) => Math.min(genresOf(i)[0] ?? Infinity, palette.length - 1),
      rows: data.genres.map((name, g) => ({
        name,
        colour: palette[Math.min(g, palette.length - 1)],
        count: counts[g],
        has: (i) => genresOf(i).includes(g),
      })),
    };
  }
  const decades = [...new Set(years)].filter((y) => y).map((y) => y - (y % 10));
  const listed = [...new Set(decades)].sort((a, b) => a - b);
  if (listed.length > 1) {
    const palette = [...listed.map((_, t) => mixed(t / (listed.length - 1))), data.other];
    const place = new Map(listed.map((d, t) => [d, t]));
    const of = (i) => place.get(years[i] - (years[i] % 10)) ?? listed.length;
    const counts = new Uint32Array(palette.length);
    for (let i = 0; i < n; i++) counts[of(i)]++;
    modes.Decade = {
      palette,
      of,
      rows: [...listed.map((d) => `${d}s`), 'unknown']
        .map((name, t) => ({ name, colour: palette[t], count: counts[t], has: (i) => of(i) === t }))
        .filter((row) => row.count),
    };
  }
  modes.Likes = {
    palette: Array.from({ length: 32 }, (_, t) => mixed(t / 31)),
    of: (i) => Math.floor(weight[i] * 32),
  };

  let mode;
  let first = true;
  async function colourBy(name) {
    mode = modes[name];
    const z = new Float32Array(n);
    for (let i = 0; i < n; i++) z[i] = mode.of(i);
    filter(null);
    plot.set({ pointColor: mode.palette, pointColorActive: mode.palette, pointColorHover: mode.palette });
    const options = { zDataType: 'categorical', wDataType: 'continuous', preventFilterReset: true };
    if (!first) options.spatialIndex = plot.get('spatialIndex');
    first = false;
    const drawn = plot.draw({ x: X, y: Y, z, w: weight }, options);
    drawKey();
    await drawn;
    if (chosen >= 0) light();
  }
  function drawKey() {
    const legend = $('legend');
    legend.replaceChildren();
    if (!mode.rows) {
      const bar = make('div', undefined, legend);
      bar.className = 'ramp';
      bar.style.background = `linear-gradient(90deg, ${ramp.join(', ')})`;
      const ends = make('div', undefined, legend);
      ends.className = 'ends';
      make('span', 'few likes', ends);
      make('span', number.format(most), ends);
      return;
    }
    for (const row of mode.rows) {
      const button = make('button', undefined, legend);
      button.type = 'button';
      button.title = `Show only ${row.name}`;
      button.setAttribute('aria-pressed', 'false');
      make('i', undefined, button).style.background = row.colour;
      button.append(row.name);
      make('span', number.format(row.count), button);
      button.onclick = () => {
        const on = button.getAttribute('aria-pressed') === 'true';
        filter(on ? null : row);
        if (!on) button.setAttribute('aria-pressed', 'true');
      };
    }
  }
  function filter(row) {
    for (const button of $('legend').querySelectorAll('button')) button.setAttribute('aria-pressed', 'false');
    if (!row) {
      if (shown) plot.unfilter({ preventEvent: true });
      shown = null;
    } else {
      clear();
      shown = new Uint8Array(n);
      const kept = [];
      for (let i = 0; i < n; i++) if (row.has(i)) kept.push(i) && (shown[i] = 1);
      plot.filter(kept, { preventEvent: true });
    }
    repaint();
  }
  for (const name of Object.keys(modes)) make('option', name, $('by'));
  $('by-label').hidden = Object.keys(modes).length < 2;
  $('by').onchange = () => colourBy($('by').value);

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
})();

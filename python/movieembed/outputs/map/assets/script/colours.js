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
      words: 'An item has the colour of its rarest genre. Click a genre to see all of its items.',
      of: (i) => Math.min(genresOf(i)[0] ?? Infinity, palette.length - 1),
      rows: data.genres.map((name, g) => ({
        name,
        colour: palette.length > g + 1 ? palette[g] : null,
        count: counts[g],
        has: (i) => genresOf(i).includes(g),
      })),
    };
  }
  if (data.clusters.length > 1) {
    const counts = new Uint32Array(data.clusters.length + 1);
    for (const c of data.cluster) counts[c]++;
    modes.Cluster = {
      palette: [...data.colours.slice(0, data.clusters.length), data.other],
      words: 'Clusters are where items lie dense. Their names say what is commoner there than elsewhere.',
      of: (i) => data.cluster[i],
      rows: [...data.clusters, 'between clusters']
        .map((name, c) => ({
          name,
          colour: data.colours[c < data.clusters.length ? c : -1] || data.other,
          count: counts[c],
          has: (i) => data.cluster[i] === c,
        }))
        .filter((row) => row.count),
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

  const paintIn = (palette) =>
    plot.set({ pointColor: palette, pointColorActive: palette, pointColorHover: palette });
  let mode;
  let first = true;
  async function colourBy(name, moved = false) {
    mode = modes[name];
    const z = new Float32Array(n);
    for (let i = 0; i < n; i++) z[i] = mode.of(i);
    drawKey();
    filter(null);
    // The key's breadth is known now, so the map's shape is.
    if (first && shape()) Object.assign(camera, home);
    paintIn(mode.palette);
    const options = { zDataType: 'categorical', wDataType: 'continuous', preventFilterReset: true };
    if (!first && !moved) options.spatialIndex = plot.get('spatialIndex');
    first = false;
    const drawn = plot.draw({ x: X, y: Y, z, w: weight }, options);
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
    if (mode.words) make('p', mode.words, legend);
    let plain = false;
    for (const row of mode.rows) {
      if (!row.colour && !plain) make('p', 'Grey, unless they have one of the above too:', legend);
      plain ||= !row.colour;
      const button = make('button', undefined, legend);
      button.type = 'button';
      button.title = `Show only ${row.name}`;
      button.setAttribute('aria-pressed', 'false');
      if (row.colour) make('i', undefined, button).style.background = row.colour;
      make('b', row.name, button);
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
      if (shown) {
        plot.unfilter({ preventEvent: true });
        paintIn(mode.palette);
      }
      shown = null;
    } else {
      leave();
      clear();
      shown = new Uint8Array(n);
      const kept = [];
      for (let i = 0; i < n; i++) if (row.has(i)) kept.push(i) && (shown[i] = 1);
      // All in the colour of what was asked for, whatever theirs is otherwise.
      paintIn(mode.palette.map(() => row.colour || colours.accent));
      plot.filter(kept, { preventEvent: true });
    }
    repaint();
  }
  for (const name of Object.keys(modes)) make('option', name, $('by'));
  $('by-label').hidden = Object.keys(modes).length < 2;
  $('by').onchange = () => colourBy($('by').value);

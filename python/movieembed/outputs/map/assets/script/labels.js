  // --- names on the map -----------------------------------------------------------------------

  const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
  const cut = (text, longest) => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text);
  const label = (i) => cut(titles[i], narrow.matches ? 30 : 42);
  const widths = new Map();
  function widthOf(text, font) {
    const key = font + text;
    if (!widths.has(key)) {
      if (widths.size > 5000) widths.clear();
      ink.font = font;
      widths.set(key, ink.measureText(text).width);
    }
    return widths.get(key);
  }
  // What is already on the screen: panels, then names; and the names for who asks.
  let boxes = [];
  let named = [];
  const isFree = (box) =>
    box[0] >= 2 && box[1] >= 2 && box[2] <= W - 2 && box[3] <= H - 2 && !boxes.some((b) => meet(b, box));
  function write(text, font, colour, box, item, halo = 3.2) {
    boxes.push(box);
    named.push({ text, item, box });
    ink.font = font;
    ink.lineWidth = halo;
    ink.strokeStyle = colours.back;
    ink.strokeText(text, (box[0] + box[2]) / 2, box[3] - 5);
    ink.fillStyle = colour;
    ink.fillText(text, (box[0] + box[2]) / 2, box[3] - 5);
  }
  function paintNames() {
    boxes = panelBoxes();
    named = [];
    ink.textAlign = 'center';
    ink.textBaseline = 'alphabetic';
    ink.lineJoin = 'round';
    // Beside a choice only what is chosen is named: other titles would hide it.
    if (chosen >= 0) paintLitNames();
    else {
      if (!shown && camera.s < home.s * 2.5) paintClusterNames();
      paintTitles();
    }
    overlay.names = named;
    document.body.dataset.labels = named.length;
  }
  function paintClusterNames() {
    const size = narrow.matches ? 13 : 15;
    data.clusters.forEach((name, c) => {
      const x = W / 2 + (data.centres[c][0] * stretch.x - camera.x) * unit();
      const y = H / 2 - (data.centres[c][1] * stretch.y - camera.y) * unit();
      // What stands in brackets tells two of one name apart; it goes on a line of its own.
      const [first, rest] = name.split(/ (?=\()/);
      const lines = [[cut(first, 30), `700 ${size}px ${FONT}`, size]];
      if (rest) lines.push([cut(rest, 26), `400 11px ${FONT}`, 11]);
      const half = Math.max(...lines.map(([text, font]) => widthOf(text, font))) / 2 + 3;
      const height = lines.reduce((sum, [, , px]) => sum + px + 4, 2);
      const at = Math.max(half + 4, Math.min(W - half - 4, x));
      for (const dy of [0, -18, 18, -36, 36]) {
        const box = [at - half, y + dy - height / 2, at + half, y + dy + height / 2];
        if (!isFree(box)) continue;
        let top = box[1];
        for (const [text, font, px] of lines) {
          const line = [box[0], top, box[2], top + px + 6];
          write(text, font, colours.text, line, -1, 4);
          top += px + 4;
        }
        return;
      }
    });
  }
  function paintTitles() {
    const limit = Math.min(80, Math.max(12, Math.round((W * H) / 15000)));
    let placed = 0;
    let tried = 0;
    for (const i of byLikes) {
      if (placed >= limit || tried > 1200) break;
      if (shown && !shown[i]) continue;
      const [x, y] = [onX(i), onY(i)];
      if (x < 0 || x > W || y < 0 || y > H) continue;
      tried++;
      const size = 11 + Math.round(2.4 * weight[i] ** 3);
      const font = `400 ${size}px ${FONT}`;
      const width = widthOf(label(i), font) + 6;
      const [gap, tall] = [radius(i) + 1, size + 5];
      const spots = [
        [x - width / 2, y - gap - tall],
        [x + gap, y - tall / 2],
        [x - gap - width, y - tall / 2],
        [x - width / 2, y + gap],
      ];
      for (const [left, top] of spots) {
        const box = [left, top, left + width, top + tall];
        if (!isFree(box) || (!shown && crowd(box) > 0.3)) continue;
        write(label(i), font, colours.text, box, i);
        placed++;
        break;
      }
    }
  }

  // --- the chosen one and its nearest: all are named ------------------------------------------

  // Offsets from a dot to a name, the nearest first; upwards and downwards counts double.
  const offsets = [];
  for (let dx = -420; dx <= 420; dx += 12) for (let dy = -420; dy <= 420; dy += 9) offsets.push([dx, dy]);
  offsets.sort((a, b) => a[0] ** 2 + 4 * a[1] ** 2 - b[0] ** 2 - 4 * b[1] ** 2);

  const isSeen = (x, y) =>
    x >= 0 && x <= W && y >= 0 && y <= H && !boxes.some((b) => meet(b, [x, y, x, y]));
  // How far one sees along a line from a place that shows: to the edge or to a panel.
  function sight(x, y, toX, toY) {
    let t = 1;
    const [dx, dy] = [toX - x, toY - y];
    for (const [at, d, low, high] of [[x, dx, 0, W], [y, dy, 0, H]]) {
      if (at + d < low) t = Math.min(t, (low - at) / d);
      if (at + d > high) t = Math.min(t, (high - at) / d);
    }
    for (const [left, top, right, bottom] of panelBoxes()) {
      const [a, b] = [(left - x) / dx, (right - x) / dx].sort((p, q) => p - q);
      const [c, d] = [(top - y) / dy, (bottom - y) / dy].sort((p, q) => p - q);
      const [enter, leave] = [Math.max(a, c), Math.min(b, d)];
      if (enter < leave && enter >= 0) t = Math.min(t, enter);
    }
    return t;
  }
  // Where the lines from the chosen one end, and whether that is at what they lead to.
  function ends() {
    const [x, y] = [onX(chosen), onY(chosen)];
    const seen = isSeen(x, y);
    return lit.map((j) => {
      const t = seen ? sight(x, y, onX(j), onY(j)) : 1;
      return { j, x: x + (onX(j) - x) * t, y: y + (onY(j) - y) * t, there: t === 1, seen };
    });
  }
  function paintLinks() {
    boxes = panelBoxes();
    const [x, y] = [onX(chosen), onY(chosen)];
    ink.strokeStyle = colours.accent;
    ink.fillStyle = colours.accent;
    ink.lineWidth = 1.4;
    ink.globalAlpha = 0.65;
    for (const end of ends()) {
      if (!end.seen) continue;
      ink.beginPath();
      ink.moveTo(x, y);
      ink.lineTo(end.x, end.y);
      ink.stroke();
      if (end.there) continue;
      // An arrow where it goes on beyond what shows.
      const angle = Math.atan2(end.y - y, end.x - x);
      ink.beginPath();
      ink.moveTo(end.x, end.y);
      for (const side of [2.7, -2.7]) ink.lineTo(end.x + 10 * Math.cos(angle + side), end.y + 10 * Math.sin(angle + side));
      ink.fill();
    }
    ink.globalAlpha = 1;
    for (const j of [chosen, ...lit]) {
      if (!isSeen(onX(j), onY(j))) continue;
      ink.lineWidth = j === chosen ? 2.5 : 1.6;
      ink.beginPath();
      ink.arc(onX(j), onY(j), Math.max(5, radius(j) + (j === chosen ? 4 : 2)), 0, 7);
      ink.stroke();
    }
  }
  function paintLitNames() {
    const places = [{ j: chosen, x: onX(chosen), y: onY(chosen), there: true }, ...ends()];
    const visible = places.filter(({ x, y, there }) => !there || isSeen(x, y));
    // Those at the edge have the least room, so they come before the others.
    const rank = ({ j, there }) => (j === chosen ? 0 : there ? 2 : 1);
    visible.sort((a, b) => rank(a) - rank(b));
    // No name lies on what it or another one names.
    for (const { j, x, y } of visible) {
      const r = Math.max(5, radius(j) + 2);
      boxes.push([x - r, y - r, x + r, y + r]);
    }
    const placed = [];
    for (const { j, x, y } of visible) {
      const size = j === chosen ? 14 : 13;
      const font = `600 ${size}px ${FONT}`;
      const half = widthOf(label(j), font) / 2 + 4;
      const tall = size + 6;
      for (const [dx, dy] of offsets) {
        const [midX, midY] = [x + dx, y + dy];
        const box = [midX - half, midY - tall / 2, midX + half, midY + tall / 2];
        if (!isFree(box)) continue;
        lead(x, y, Math.max(5, radius(j) + 2), box);
        boxes.push(box);
        placed.push([label(j), font, j === chosen ? colours.accent : colours.text, box, j]);
        break;
      }
    }
    for (const name of placed) write(...name);
  }
  // A thin line to a name that stands off.
  function lead(x, y, r, box) {
    const toX = Math.max(box[0], Math.min(box[2], x));
    const toY = Math.max(box[1], Math.min(box[3], y));
    const far = Math.hypot(toX - x, toY - y);
    if (far < r + 10) return;
    ink.strokeStyle = colours.soft;
    ink.lineWidth = 1;
    ink.beginPath();
    ink.moveTo(x + ((toX - x) * r) / far, y + ((toY - y) * r) / far);
    ink.lineTo(toX, toY);
    ink.stroke();
  }

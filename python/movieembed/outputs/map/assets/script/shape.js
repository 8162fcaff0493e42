  // --- the shape of the map on the screen -----------------------------------------------------

  const camera = { x: 0, y: 0, s: 1 };
  let W = 1;
  let H = 1;
  const stretch = { x: 1, y: 1 };
  let home = { x: 0, y: 0, s: 1 };
  const boxOf = (element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return [left, top, right, bottom];
  };
  const panelBoxes = () =>
    [...document.querySelectorAll('.card')].filter((p) => p.id !== 'card' && !p.hidden).map(boxOf);
  const meet = (a, b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
  const unit = () => (H / 2) * camera.s;
  const onX = (i) => W / 2 + (X[i] - camera.x) * unit();
  const onY = (i) => H / 2 - (Y[i] - camera.y) * unit();

  const farthest = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-6);
  const extent = [farthest(givenX), farthest(givenY)];

  // What the panels leave free for the whole map: left of the key, and below or beside the search
  // only as far as points would lie under it.
  function freeBox() {
    const search = boxOf($('box'));
    search[1] = boxOf($('find'))[1];
    if (narrow.matches) return [10, search[3] + 10, W - 10, boxOf($('tools'))[1] - 10];
    const right = Math.min(boxOf($('key'))[0], boxOf($('tools'))[0]) - 14;
    for (let t = 0; ; t += 0.125) {
      const box = [16 + t * (search[2] - 16), 16 + t * (search[3] - 16), right, H - 16];
      if (t >= 1) return box;
      const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
      const [a, b] = [(box[2] - box[0]) / 2 / extent[0], (box[3] - box[1]) / 2 / extent[1]];
      const under = (_, i) => x + givenX[i] * a < search[2] + 10 && y - givenY[i] * b < search[3] + 10;
      if (!givenX.some(under)) return box;
    }
  }
  // Stretches the map to the free part of the screen, at most so far that shapes are kept; says
  // whether it is another shape than before.
  function shape() {
    const box = freeBox();
    const [w, h] = [Math.max(80, box[2] - box[0]), Math.max(80, box[3] - box[1])];
    const natural = extent[0] / extent[1];
    const aspect = Math.min(natural * 1.9, Math.max(natural / 1.9, w / h));
    const size = Math.max(1, aspect);
    const before = { ...stretch };
    stretch.x = aspect / size / extent[0];
    stretch.y = 1 / size / extent[1];
    const k = Math.min(w / (2 * aspect), h / 2) * size * 0.97;
    home = {
      x: (W / 2 - (box[0] + box[2]) / 2) / k,
      y: ((box[1] + box[3]) / 2 - H / 2) / k,
      s: k / (H / 2),
    };
    if (Math.abs(before.x / stretch.x - 1) + Math.abs(before.y / stretch.y - 1) < 0.02) return false;
    for (let i = 0; i < n; i++) {
      X[i] = givenX[i] * stretch.x;
      Y[i] = givenY[i] * stretch.y;
    }
    return true;
  }

  // --- how much of dots lies under a box ------------------------------------------------------

  const GRID = 256;
  let dots = null; // sums over all cells to the left of and below each
  function countDots() {
    dots = new Float32Array((GRID + 1) ** 2);
    for (let i = 0; i < n; i++) {
      const a = Math.min(GRID - 1, Math.floor(((givenX[i] + 1) / 2) * GRID));
      const b = Math.min(GRID - 1, Math.floor(((givenY[i] + 1) / 2) * GRID));
      dots[(a + 1) * (GRID + 1) + b + 1] += Math.PI * (sizeOf(i) / 2) ** 2;
    }
    for (let a = 1; a <= GRID; a++) {
      for (let b = 1; b <= GRID; b++) {
        const at = a * (GRID + 1) + b;
        dots[at] += dots[at - 1] + dots[at - GRID - 1] - dots[at - GRID - 2];
      }
    }
  }
  // The share of a box on the screen that dots cover.
  function crowd([left, top, right, bottom]) {
    const column = (x) => ((x - W / 2) / unit() + camera.x) / stretch.x;
    const row = (y) => ((H / 2 - y) / unit() + camera.y) / stretch.y;
    const cell = (v, round) => Math.min(GRID, Math.max(0, round(((v + 1) / 2) * GRID)));
    const [a, c] = [cell(column(left), Math.floor), cell(column(right), Math.ceil)];
    const [b, d] = [cell(row(bottom), Math.floor), cell(row(top), Math.ceil)];
    if (a >= c || b >= d) return 0;
    const sum = (x, y) => dots[x * (GRID + 1) + y];
    const total = (sum(c, d) - sum(a, d) - sum(c, b) + sum(a, b)) * growth() ** 2;
    const area = (c - a) * (d - b) * (2 / GRID) ** 2 * stretch.x * stretch.y * unit() ** 2;
    return total / area;
  }

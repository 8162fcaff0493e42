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
  const { titles, ids, years, likes, neighbours, k } = data;
  const n = titles.length;
  const none = neighbours.BYTES_PER_ELEMENT === 2 ? 0xffff : 0xffffffff;
  const X = new Float32Array(n);
  const Y = new Float32Array(n);
  // Of the map as it comes; the screen's shape stretches it to X and Y.
  const givenX = Float32Array.from({ length: n }, (_, i) => data.xy[i] / 32767.5 - 1);
  const givenY = Float32Array.from({ length: n }, (_, i) => data.xy[n + i] / 32767.5 - 1);
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

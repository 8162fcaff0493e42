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

  // --- the search -----------------------------------------------------------------------------

  // A title is found by its words: in any order, with a slip of the finger, "12" for "twelve" or
  // "xii", the last word unfinished.
  let words = null; // all words, each with the items that have it
  let squeezed = null; // titles without spaces, for "spiderman"
  let lengths = null; // words of each title
  let hits = [];
  let active = 0;
  const SMALL = 'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(' ');
  const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
  const ROMAN = ['ii', 'iii', 'iv', 'v', 'vi', 'vii', 'viii', 'ix', 'x', 'xi', 'xii'];
  const plain = (text) => text.normalize('NFD').replace(/[\u0300-\u036f'\u2019]/g, '').toLowerCase();
  const split = (text) => plain(text).match(/[\p{L}\p{N}]+/gu) || [];
  const valueOf = (word) => {
    if (SMALL.includes(word)) return SMALL.indexOf(word);
    return TENS.includes(word) ? 20 + 10 * TENS.indexOf(word) : null;
  };
  // Words with numbers in digits: "twenty one" is 21, "two thousand" 2000, "iii" 3.
  function inDigits(list) {
    const out = [];
    let open = null;
    for (const word of list) {
      const value = valueOf(word);
      const factor = { hundred: 100, thousand: 1000 }[word];
      if (factor && open !== null) out[out.length - 1] = String((open *= factor));
      else if (value !== null && open !== null && open % 10 === 0 && open >= 20 && value < (open % 100 ? 10 : 100)) {
        out[out.length - 1] = String((open += value));
      } else if (word === 'and' && open >= 100) continue;
      else {
        open = value;
        const roman = out.length ? ROMAN.indexOf(word) : -1;
        out.push(value !== null ? String(value) : roman >= 0 ? String(roman + 2) : word);
      }
    }
    return out;
  }
  const indexed = () => {
    if (words) return;
    words = new Map();
    lengths = new Uint8Array(n);
    squeezed = titles.map((title, i) => {
      const own = split(title);
      lengths[i] = Math.min(255, own.length);
      const all = new Set([...own, ...inDigits(own)]);
      if (years[i]) all.add(String(years[i]));
      for (const word of all) {
        if (!words.has(word)) words.set(word, []);
        words.get(word).push(i);
      }
      return own.join('');
    });
  };
  // Slips between a word and another, or the beginning of another: letters that are wrong, missing,
  // too many or exchanged; `most` + 1 if there are more.
  function slips(typed, word, most, unfinished) {
    if (word.length < typed.length - most || (!unfinished && word.length > typed.length + most)) return most + 1;
    const long = Math.min(word.length, typed.length + most);
    let [before, last] = [[], Array.from({ length: long + 1 }, (_, b) => b)];
    for (let a = 1; a <= typed.length; a++) {
      const row = [a];
      for (let b = 1; b <= long; b++) {
        row[b] = Math.min(last[b] + 1, row[b - 1] + 1, last[b - 1] + (typed[a - 1] === word[b - 1] ? 0 : 1));
        if (a > 1 && b > 1 && typed[a - 1] === word[b - 2] && typed[a - 2] === word[b - 1]) {
          row[b] = Math.min(row[b], before[b - 2] + 1);
        }
      }
      if (Math.min(...row) > most) return most + 1;
      [before, last] = [last, row];
    }
    return unfinished ? Math.min(...last) : last[long] + (word.length - long);
  }
  // What a typed word costs at each item that has it: nothing as it stands, more the less alike.
  function costs(typed, unfinished) {
    const most = /^\d+$/.test(typed) || typed.length < 3 ? 0 : typed.length < 8 ? 1 : 2;
    const of = new Map();
    for (const [word, items] of words) {
      let cost = word === typed ? 0 : Infinity;
      if (cost && word.startsWith(typed)) cost = unfinished ? 0.2 : 0.6;
      else if (cost && most) {
        const wrong = slips(typed, word, most, unfinished && typed.length > 4);
        if (wrong <= most) cost = 1 + wrong;
        else if (word.includes(typed)) cost = 1.5;
      }
      if (cost < Infinity) for (const i of items) if (!(of.get(i) <= cost)) of.set(i, cost);
    }
    return of;
  }
  function found(text) {
    const typed = split(text);
    if (!typed.length) return [];
    indexed();
    const best = new Map();
    const keep = (i, cost) => best.set(i, Math.min(cost, best.get(i) ?? Infinity));
    for (const list of new Set([typed, inDigits(typed)].map((words) => words.join(' ')))) {
      let sums = null;
      const parts = list.split(' ');
      parts.forEach((word, at) => {
        const of = costs(word, at === parts.length - 1 && !/\s$/.test(text));
        // Only items that have all of the words stay.
        if (!sums) sums = of;
        else for (const [i, sum] of sums) of.has(i) ? sums.set(i, sum + of.get(i)) : sums.delete(i);
      });
      for (const [i, sum] of sums) keep(i, sum + 0.03 * Math.abs(lengths[i] - parts.length));
    }
    const joined = typed.join('');
    for (let i = 0; i < n; i++) {
      if (squeezed[i] === joined) keep(i, split(titles[i]).length === typed.length ? -0.5 : 0.1);
      else if (squeezed[i].startsWith(joined)) keep(i, 0.35);
      else if (joined.length > 3 && squeezed[i].includes(joined)) keep(i, 0.9);
    }
    return [...best.keys()]
      .sort((a, b) => best.get(a) - weight[a] * 0.5 - best.get(b) + weight[b] * 0.5)
      .slice(0, 12);
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
    if (!input.value.trim()) return open(false);
    if (!hits.length) make('li', 'No title is like that', list).className = 'none';
    $('said').textContent = hits.length ? `${hits.length} titles found` : 'No title is like that';
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
    goTo(i, true);
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
        leave();
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
      0: goHome,
      '/': () => input.focus(),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });

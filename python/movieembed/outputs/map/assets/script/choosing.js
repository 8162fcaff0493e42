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
    if (points.length) goTo(points[0], false);
  });
  // After the library's, which says whether a point was there.
  canvas.addEventListener('click', () => {
    if (!hit && travelled <= 4) leave();
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
      button.onclick = () => goTo(j, true);
    }
    $('chosen').hidden = false;
    $('chosen').scrollTop = 0;
    document.body.classList.add('has-choice');
    $('said').textContent = `${titles[i]}, ${facts(i)}; its ${lit.length} nearest are listed.`;
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
    const s = Math.min(40, Math.max(home.s, free / (radius * (H / 2))));
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
    leave();
    canvas.focus();
  };

  // --- the address: #item=ID is a choice, so that links and the back button work ---------------

  const addressOf = (i) => `#item=${encodeURIComponent(ids[i])}`;
  let here = false; // a point that was clicked is where one looks already
  function goTo(i, travel) {
    if (location.hash === addressOf(i)) {
      choose(i, travel);
      return;
    }
    here = !travel;
    location.hash = addressOf(i);
  }
  function leave() {
    if (!location.hash) clear();
    else location.hash = '';
  }
  function follow() {
    const found = /^#item=(.*)$/.exec(location.hash);
    let wanted = null;
    try {
      wanted = found && decodeURIComponent(found[1]);
    } catch {
      // Not what the page writes: no choice.
    }
    const i = wanted === null ? -1 : ids.indexOf(wanted);
    if (i >= 0) choose(i, !here);
    else clear();
    here = false;
  }
  addEventListener('hashchange', follow);

// Makes one tree of elements like another by touching only what differs, so that focus, an opened list and what was
// typed stay. Children that have an id are the same child wherever they stand.

export function morph(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) return;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  children(old, fresh);
}

function children(old, fresh) {
  const wanted = new Set([...fresh.children].map((child) => child.id).filter(Boolean));
  const named = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    // What is not wanted any more goes first, so that what stays need not be moved: moving takes the focus away.
    while (at !== null && at.id && !wanted.has(at.id)) at = dropped(at);
    const same = child.id ? named.get(child.id) : at !== null && alike(at, child) ? at : undefined;
    if (same === undefined || same.nodeName !== child.nodeName) {
      old.insertBefore(child, at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    morph(same, child);
  }
  while (at !== null) at = dropped(at);
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && !one.id && !other.id;
}

function dropped(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

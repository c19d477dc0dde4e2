// Stagecraft, Apache-2.0
(() => {
  const { currentScript: me, referrer } = document, text = JSON.stringify, id = () => crypto.getRandomValues(new Uint32Array(4)).join('-');
  let busy, kept = {};
  try { kept = localStorage || kept; } catch {}
  const queue = () => JSON.parse(kept.sc_q || '[]'), flush = async (end = 0) => {
    const batch = queue().slice(...end ? [-40] : [0, 20]);
    if (busy || !batch[0]) return;
    busy = 1;
    try {
      const body = text({ writeKey: me.dataset.key, sentAt: new Date(), batch });
      busy = (await fetch(new URL('v1/b', me.src), { method: 'POST', keepalive: body.length < 2e4, body })).status > 428;
    } catch {}
    if (busy) return setTimeout(again, 5e3);
    kept.sc_q = text(queue().filter((e) => batch.every((b) => b.messageId != e.messageId)));
    flush();
  }, again = (end) => flush(end, busy = 0), send = (type, more) => {
    kept.sc_id ||= id();
    kept.sc_q = text([...queue(), {
      type, ...more, messageId: id(), timestamp: new Date(), anonymousId: kept.sc_id, userId: kept.sc_u,
      context: { page: { url: location + '', referrer }, locale: navigator.language, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone },
    }].slice(-99));
    flush();
  }, my = Object.assign(window.stagecraft ||= {}, {
    page: (name, properties) => send('page', { name, properties: { url: location + '', title: document.title, ...properties } }),
    track: (event, properties) => send('track', { event, properties }),
    identify: (user, traits) => {
      // Of all types string and number alone have an r.
      if (/r/.test(typeof user)) {
        if (kept.sc_u && kept.sc_u != user) my.reset();
        kept.sc_u = user + '';
      } else traits = user || traits;
      send('identify', { traits });
    },
    reset: () => kept.sc_u = kept.sc_id = '',
  });
  addEventListener('submit', ({ target: form }) => {
    const event = form.dataset.stagecraft, traits = {};
    if (event == null) return;
    const all = [...form.elements].filter((f) => f.name && !/pass|hid|file|sub|but|cc-/.test(f.type + f.autocomplete));
    for (const { name, type, checked } of all) {
      const box = type == 'checkbox', same = all.filter((f) => f.name == name),
        list = same.flatMap((f) => f.selectedOptions ? [...f.selectedOptions].map((o) => o.value) : f.checked || !/rad|box/.test(f.type) ? f.value : []);
      traits[name] = same[1] && box || /mul/.test(type) ? list : box ? checked : list.pop();
    }
    my.identify(traits);
    my.track(event || 'Form Submitted', { form: form.id + '' });
  }, true);
  // What has no answer yet leaves with the page, for the next one may be without this script; its ID tells what comes twice.
  addEventListener('pagehide', again);
  if (me.dataset.page != 'off') my.page();
  flush();
})();

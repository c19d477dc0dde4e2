// In-app messages of Stagecraft, for the business's own pages. Licence: Apache-2.0.
(() => {
  const script = document.currentScript;
  const base = script.src.replace(/\/inapp\.js.*$/, '');
  const vi = /^vi/i.test(document.documentElement.lang || navigator.language);
  const words = vi ? ['Tin nhắn', 'Đóng', 'Mở'] : ['Message', 'Close', 'Open'];
  const style = `:host{all:initial}
section{position:fixed;right:16px;bottom:16px;z-index:2147483000;box-sizing:border-box;width:min(360px,calc(100vw - 32px));max-height:min(60vh,480px);overflow:auto;padding:16px;border-radius:12px;border:1px solid #d0d5dd;background:#fff;color:#1f2328;box-shadow:0 8px 28px #0003;font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
section:empty{display:none}
h2{margin:0 32px 4px 0;font-size:16px}
p{margin:0;white-space:pre-line}
button{position:absolute;top:8px;right:8px;width:32px;height:32px;border:0;border-radius:8px;background:none;color:inherit;font:20px/1 system-ui,sans-serif;cursor:pointer}
a{display:inline-block;margin-top:12px;padding:7px 16px;border-radius:8px;background:var(--stagecraft-accent,#1f5fd6);color:var(--stagecraft-on-accent,#fff);font-weight:600;text-decoration:none}
small{float:right;margin-top:16px;color:#57606a}
small:empty{display:none}
:focus-visible{outline:2px solid var(--stagecraft-accent,#1f5fd6);outline-offset:2px}
@media(prefers-color-scheme:dark){section{background:#22252c;color:#e8eaed;border-color:#3c414b}small{color:#a8b0bb}}`;

  const start = ({ token, widget = true, onchange } = {}) => {
    let inbox = { messages: [], unread: 0 };
    let jwt, control, box, shown;
    let stopped = false;

    const ask = (path, options) =>
      fetch(base + '/v1/inapp' + path, { ...options, headers: { Authorization: 'Bearer ' + jwt }, credentials: 'omit', cache: 'no-store' });
    const tell = (id, deed) => ask(`/${id}/${deed}`, { method: 'POST', keepalive: true }).catch(() => {});

    const take = (next) => {
      inbox = next;
      if (onchange) onchange(inbox);
      draw();
    };
    const read = (id) => tell(id, 'read');
    const click = (id) => tell(id, 'click');
    const dismiss = (id) => {
      take({ ...inbox, messages: inbox.messages.filter((m) => m.id !== id) });
      return tell(id, 'dismiss');
    };

    const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });
    const draw = () => {
      if (!widget || stopped) return;
      if (!box) {
        const host = document.createElement('stagecraft-inapp');
        const root = host.attachShadow({ mode: 'open' });
        const sheet = new CSSStyleSheet(); // allowed under any policy, unlike a style element
        sheet.replaceSync(style);
        root.adoptedStyleSheets = [sheet];
        box = element('section', '');
        box.setAttribute('aria-label', words[0]);
        box.setAttribute('aria-live', 'polite');
        box.onkeydown = (event) => event.key === 'Escape' && dismiss(shown);
        root.append(box);
        document.body.append(host);
      }
      const waiting = inbox.messages.filter((m) => !m.clicked);
      const m = waiting.find((other) => other.id === shown) || waiting[0];
      const count = waiting.length > 1 ? `${1 + waiting.indexOf(m)}/${waiting.length}` : '';
      if (!m) {
        shown = '';
        box.replaceChildren();
      } else if (m.id !== shown) {
        shown = m.id;
        const parts = [element('h2', m.title || ''), element('p', m.text || '')].filter((part) => part.textContent);
        const close = element('button', '×');
        close.setAttribute('aria-label', words[1]);
        close.onclick = () => dismiss(m.id);
        const number = element('small', count);
        if (/^(https?:\/\/|\/)/i.test(m.url || '')) {
          const link = element('a', m.button || words[2]);
          link.href = m.url;
          link.onclick = () => click(m.id);
          parts.push(link);
        }
        const focused = box.matches(':focus-within');
        box.replaceChildren(...parts, number, close);
        if (focused) close.focus();
      } else box.querySelector('small').textContent = count;
      if (m && !m.read && document.visibilityState === 'visible') {
        m.read = true;
        read(m.id);
      }
    };

    const follow = async (body) => {
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (;;) {
        // The server says something every 15 s, or the line is dead.
        const timer = setTimeout(() => control.abort(), 45000);
        const { done, value } = await reader.read().finally(() => clearTimeout(timer));
        if (done) return;
        const events = (text + value).split('\n\n');
        text = events.pop();
        for (const event of events) {
          const data = event.match(/^data: (.*)$/m);
          if (data) take(JSON.parse(data[1]));
        }
      }
    };

    const run = async () => {
      for (let pause = 1000; !stopped; pause = Math.min(2 * pause, 60000)) {
        try {
          jwt = typeof token === 'function' ? await token() : token;
          control = new AbortController();
          const answer = await ask('/stream', { signal: control.signal });
          if (answer.ok) {
            pause = 500;
            await follow(answer.body);
          } else if (answer.status === 401 && typeof token !== 'function') return console.warn('Stagecraft:', (await answer.json()).detail);
          else if (answer.status === 429) take(await (await ask('')).json());
        } catch {}
        await new Promise((done) => setTimeout(done, pause * (0.5 + Math.random())));
      }
    };

    document.addEventListener('visibilitychange', draw);
    run();
    return {
      get messages() { return inbox.messages; },
      get unread() { return inbox.unread; },
      read, click, dismiss,
      stop() {
        stopped = true;
        document.removeEventListener('visibilitychange', draw);
        if (control) control.abort();
        if (box) box.getRootNode().host.remove();
      },
    };
  };

  window.stagecraft = { ...window.stagecraft, inapp: start };
  if (script.dataset.token) start({ token: script.dataset.token });
})();

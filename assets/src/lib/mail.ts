// Makes a rendered mail safe to look at. The frame that shows it is sandboxed, so nothing in it can run; what is done
// here keeps a look from having effects: no picture is fetched (that would count as an open), no link leads anywhere
// (that would count as a click, or unsubscribe), and nothing is left that the page's content security policy, which
// the frame inherits, would have to refuse. What slips through is stopped by a policy of the frame's own.

export interface Preview {
  /** A whole document, for srcdoc. */
  html: string;
  /** How many pictures were left out. */
  pictures: number;
  /** Whether the mail's own styles had to be left out. */
  plain: boolean;
}

/**
 * Whether a content security policy lets a frame's inline styles through. Such styles are how mails are designed, but
 * a strict policy refuses them.
 */
export function allowsInlineStyle(policy: string | null): boolean {
  if (!policy) return true;
  // Several policies come as one header, separated by commas; each must allow it.
  return policy.split(',').every((one) => {
    const directives = new Map(
      one.split(';').map((directive) => {
        const [name = '', ...sources] = directive.trim().split(/\s+/);
        return [name.toLowerCase(), sources.map((source) => source.toLowerCase())] as const;
      }),
    );
    const allows = (name: string): boolean => {
      const sources = directives.get(name) ?? directives.get('style-src') ?? directives.get('default-src');
      if (!sources) return true;
      // A nonce or a hash switches 'unsafe-inline' off.
      return sources.includes("'unsafe-inline'") && !sources.some((source) => /^'(nonce|sha\d+)-/.test(source));
    };
    return allows('style-src-elem') && allows('style-src-attr');
  });
}

const remove = 'script,link,meta,base,iframe,frame,object,embed,form,input,button,textarea,select,audio,video,svg,template,noscript';

/**
 * The preview of a mail, in light or dark. `sheet` is the address of a stylesheet of ours for mails without styles of
 * their own.
 */
export function preview(html: string, styles: boolean, sheet: string, dark = false): Preview {
  const doc = new DOMParser().parseFromString(withoutHandlers(styles ? html : withoutStyles(html)), 'text/html');
  let pictures = 0;
  for (const element of doc.querySelectorAll(remove)) element.remove();
  // Written out and read again, what is within a formula may become something else: its text is enough.
  for (const element of doc.querySelectorAll('math, math *')) {
    if (element.namespaceURI === doc.documentElement.namespaceURI) continue;
    if (element.localName === 'style') element.remove();
    else element.replaceWith(...element.childNodes);
  }
  for (const image of doc.querySelectorAll('img,picture,source')) {
    const width = image.getAttribute('width');
    const height = image.getAttribute('height');
    const pixel = width === '1' || height === '1' || width === '0' || height === '0';
    if (image.localName === 'img' && !pixel) {
      pictures++;
      const stand = doc.createElement('span');
      stand.className = 'sc-picture';
      stand.textContent = image.getAttribute('alt') || 'picture';
      image.replaceWith(stand);
    } else if (image.localName !== 'picture') {
      image.remove();
    }
  }
  for (const element of doc.querySelectorAll('*')) {
    for (const { name } of [...element.attributes]) {
      if (name.startsWith('on') || ['background', 'srcset', 'src', 'action', 'ping', 'target'].includes(name)) {
        element.removeAttribute(name);
      }
    }
    const href = element.getAttribute('href');
    if (href !== null) {
      element.removeAttribute('href');
      element.setAttribute('title', href);
      element.classList.add('sc-link');
    }
    const style = element.getAttribute('style');
    if (style !== null && styles) element.setAttribute('style', withoutFetches(style));
    else if (style !== null) element.removeAttribute('style');
  }
  for (const style of doc.querySelectorAll('style')) {
    if (styles) style.textContent = inScheme(withoutFetches(style.textContent ?? ''), dark);
    else style.remove();
  }

  const link = doc.createElement('link');
  link.rel = 'stylesheet';
  link.href = sheet;
  const policy = doc.createElement('meta');
  policy.httpEquiv = 'Content-Security-Policy';
  policy.content = `default-src 'none'; style-src 'unsafe-inline' ${sheet}; img-src data:`;
  // Before the mail's own styles, which may say otherwise.
  doc.head.prepend(policy, link);
  doc.documentElement.classList.add(dark ? 'sc-dark' : 'sc-light');
  const plain = !styles && /<style[\s>]|\sstyle\s*=/i.test(html);
  return { html: `<!doctype html>${doc.documentElement.outerHTML}`, pictures, plain };
}

/** Takes out of styles whatever fetches something. */
export function withoutFetches(css: string): string {
  return plainNames(css)
    .replace(/@import[^;]*;?/gi, '')
    .replace(/(?:url|image-set|src)\s*\((?:"[^"]*"|'[^']*'|[^)]*)(?:\)|$)/gi, 'none');
}

/** Writes letters as letters: in a style, u\72l is another way to write url. */
function plainNames(css: string): string {
  return css
    .replace(/\\([0-9a-f]{6}|[0-9a-f]{2,5}(?![0-9a-f]))\s?/gi, (escape, hex: string) => {
      const sign = Number.parseInt(hex, 16) < 128 ? String.fromCharCode(Number.parseInt(hex, 16)) : '';
      return /[a-z]/i.test(sign) ? sign : escape;
    })
    .replace(/\\([g-z])/gi, '$1');
}

// A tag, with what stands quoted in it.
const tags = /<[a-z][^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>/gi;

/**
 * The mail without handlers of events and addresses of its own base, which are removed in any case. A browser reports them as
 * soon as it parses them, so this works on text.
 */
export function withoutHandlers(html: string): string {
  return html.replace(tags, (tag) =>
    /^<base\b/i.test(tag) ? '' : tag.replace(/("[^"]*"|'[^']*')|(?<=[\s/"'])on[a-z]+\s*=/gi, (_, quoted?: string) => quoted ?? 'data-handler='),
  );
}

/** Decides what styles ask about light and dark, whatever the reader's own machine prefers. */
export function inScheme(css: string, dark: boolean): string {
  return css.replace(/\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)/gi, (_, asked: string) =>
    (asked.toLowerCase() === 'dark') === dark ? '(min-width: 0)' : '(max-width: 0)',
  );
}

/** The mail without its styles. It works on text, because a browser reports refused styles as soon as it parses them. */
export function withoutStyles(html: string): string {
  return html
    .replace(/<style[\s>][^]*?(?:<\/style\s*>|$)/gi, '')
    .replace(tags, (tag) =>
      tag.replace(/("[^"]*"|'[^']*')|\sstyle\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)/gi, (style, quoted?: string) => {
        // What a mail hides, such as its preheader, stays hidden.
        return quoted ?? (/display\s*:\s*none/i.test(style) ? ' hidden' : '');
      }),
    );
}

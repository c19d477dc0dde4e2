// What is open stands in the address behind the #, so that it can be sent to a colleague and Back closes it.
//
//   #/journey/NAME              a journey
//   #/journey/NAME/FILE[:LINE]  one of its files: a stage's page
//   #/edit/NAME/FILE[:LINE]     the same file in the editor
//   #/message/REF               a message

export interface Route {
  journey: string;
  file: string;
  line: number;
  edit: boolean;
  message: string;
}

export const nowhere: Route = { journey: '', file: '', line: 0, edit: false, message: '' };

export function parseRoute(hash: string): Route {
  const parts = hash.replace(/^#\/?/, '').split('/').map(decode);
  const [kind, name = '', ...rest] = parts;
  if (kind === 'message' && name) return { ...nowhere, message: name };
  if ((kind === 'journey' || kind === 'edit') && name) {
    const [, file = '', line = ''] = /^(.*?)(?::(\d+))?$/.exec(rest.join('/')) ?? [];
    return { ...nowhere, journey: name, file, line: Number(line), edit: kind === 'edit' && file !== '' };
  }
  return nowhere;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function journeyHash(journey: string): string {
  return `#/journey/${encodeURIComponent(journey)}`;
}

export function fileHash(journey: string, file: string, line = 0): string {
  const name = file.startsWith(`${journey}/`) ? file.slice(journey.length + 1) : file;
  return `${journeyHash(journey)}/${name.split('/').map(encodeURIComponent).join('/')}${line > 0 ? `:${line}` : ''}`;
}

export function editHash(journey: string, file: string, line = 0): string {
  return fileHash(journey, file, line).replace('#/journey/', '#/edit/');
}

export function messageHash(ref: string): string {
  return `#/message/${encodeURIComponent(ref)}`;
}

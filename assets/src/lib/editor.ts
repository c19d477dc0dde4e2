// The editor: CodeMirror with Lua, in the console's own colours. It is a chunk of its own, loaded with the first edit.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionContext } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { HighlightStyle, StreamLanguage, bracketMatching, indentOnInput, indentService, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { lua } from '@codemirror/legacy-modes/mode/lua';
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import {
  Decoration,
  EditorView,
  MatchDecorator,
  ViewPlugin,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  type DecorationSet,
  type ViewUpdate,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { Problem } from '../workshop';
import type { Completions } from './complete';
import { indentOf } from './indent';

export interface Options {
  parent: HTMLElement;
  label: string;
  text: string;
  lua: boolean;
  changed: (text: string) => void;
  /** 1-based. */
  moved: (line: number) => void;
  complete: (before: string, asked: boolean) => Promise<Completions | null>;
  save: () => void;
}

const colours = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--ink-3)', fontStyle: 'italic' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: [tags.number, tags.bool, tags.atom], color: 'var(--code-number)' },
  { tag: tags.keyword, color: 'var(--code-keyword)' },
  { tag: tags.operator, color: 'var(--ink-2)' },
]);

const look = EditorView.theme({
  '&': { color: 'var(--ink)', backgroundColor: 'var(--surface)', fontSize: '13px' },
  '&.cm-focused': { outline: 'none' },
  // The space at the top is that of gutter and text together: of the text alone the gutter learns too late.
  '.cm-scroller': { paddingTop: '10px', fontFamily: 'var(--mono)', lineHeight: '21px' },
  '.cm-content': { padding: '0 0 40vh', caretColor: 'var(--ink)' },
  '.cm-line': { padding: '0 16px 0 8px' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)', borderLeftWidth: '1.5px' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--ink-3)', border: '0', fontSize: '11.5px' },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '38px', padding: '0 10px 0 0' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--hover)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'light-dark(#cfd7fb, #37427f)',
  },
  '.cm-selectionMatch': { backgroundColor: 'var(--forward-soft)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--forward-soft)', outline: '0' },
  '.cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket': { backgroundColor: 'var(--bad-soft)' },
  '.cm-word': { color: 'var(--code-word)' },
  '.cm-register': { color: 'var(--code-register)', fontWeight: '600' },
  '.cm-tooltip': {
    border: '1px solid var(--line)',
    borderRadius: '10px',
    backgroundColor: 'var(--raised)',
    color: 'var(--ink)',
    boxShadow: 'var(--shadow-over)',
    overflow: 'hidden',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '12.5px', maxHeight: '240px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '2px 12px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--forward-soft)', color: 'var(--ink)' },
  '.cm-completionDetail': { color: 'var(--ink-3)', fontStyle: 'normal', marginLeft: '0' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
  '.cm-tooltip.cm-completionInfo': {
    maxWidth: '360px',
    padding: '9px 12px',
    font: '13px/1.45 var(--sans)',
    whiteSpace: 'pre-line',
    overflow: 'visible',
  },
  '.cm-diagnostic': { padding: '8px 12px', borderLeft: '0', font: '13px/1.45 var(--sans)', whiteSpace: 'pre-line', maxWidth: '480px' },
  '.cm-diagnostic-error': { color: 'var(--bad)' },
  '.cm-diagnostic-warning': { color: 'var(--warn)' },
  '.cm-lintRange': { backgroundImage: 'none', paddingBottom: '0' },
  '.cm-lintRange-error': { textDecoration: 'underline wavy var(--bad) 1px', textUnderlineOffset: '4px' },
  '.cm-lintRange-warning': { textDecoration: 'underline wavy var(--warn) 1px', textUnderlineOffset: '4px' },
  '.cm-gutter-lint': { width: '14px' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '0' },
  '.cm-lint-marker': { width: '8px', height: '8px', margin: '6px 0 0 5px', borderRadius: '50%', content: '""' },
  '.cm-lint-marker-error': { backgroundColor: 'var(--bad)', borderRadius: '2px', content: '""' },
  '.cm-lint-marker-warning': { backgroundColor: 'var(--warn)', content: '""' },
  '.cm-panels': { backgroundColor: 'var(--sunken)', color: 'var(--ink)', borderColor: 'var(--line)' },
  '.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panel.cm-search': { padding: '8px 12px', fontFamily: 'var(--sans)' },
  '.cm-panel.cm-search input, .cm-panel.cm-search button, .cm-panel.cm-search label': { fontSize: '12.5px' },
  '.cm-textfield': { border: '1px solid var(--line-strong)', borderRadius: '6px', backgroundColor: 'var(--surface)', color: 'var(--ink)' },
  '.cm-button': { border: '1px solid var(--line-strong)', borderRadius: '6px', backgroundColor: 'var(--raised)', backgroundImage: 'none', color: 'var(--ink)' },
  '.cm-searchMatch': { backgroundColor: 'var(--warn-soft)' },
  '.cm-searchMatch-selected': { backgroundColor: 'var(--back-soft)', outline: '1px solid var(--back)' },
});

// The mode's own way goes in twice for a function in brackets, which is how every handler begins.
const indented = indentService.of((context, position) => {
  const { doc } = context.state;
  const at = context.lineAt(position);
  const broken = context.simulatedBreak;
  // While Enter is pressed the line is not cut yet: the new one begins at the break.
  let before = broken !== null && broken === position ? doc.sliceString(doc.lineAt(position).from, position) : '';
  for (let n = doc.lineAt(position).number - 1; before.trim() === '' && n > 0; n--) before = doc.line(n).text;
  return indentOf(before, at.text);
});

/** Stagecraft's own words are coloured as everywhere in the console. */
function wordColours(words: string[]): Extension {
  const registers = new Set(['journey', 'stage', 'enter', 'leave', 'on', 'idle']);
  const own = [...registers, ...words].filter((word) => /^[a-z_]+$/.test(word));
  const marks = { register: Decoration.mark({ class: 'cm-register' }), word: Decoration.mark({ class: 'cm-word' }) };
  const matcher = new MatchDecorator({
    // Not a field, and not in a comment or a string as far as its line tells.
    regexp: new RegExp(`(?<![\\w.:])(?:${own.join('|')})(?=\\s*[("'{])`, 'g'),
    decoration: (match, view, at) => {
      const line = view.state.doc.lineAt(at);
      const before = line.text.slice(0, at - line.from);
      if (before.includes('--') || (before.split('"').length - 1) % 2 === 1) return null;
      return registers.has(match[0]) ? marks.register : marks.word;
    },
  });
  return ViewPlugin.fromClass(
    class {
      found: DecorationSet;
      constructor(view: EditorView) {
        this.found = matcher.createDeco(view);
      }
      update(update: ViewUpdate) {
        this.found = matcher.updateDeco(update, this.found);
      }
    },
    { decorations: (plugin) => plugin.found },
  );
}

export class Editor {
  readonly #view: EditorView;
  readonly #words = new Compartment();

  constructor(options: Options) {
    const source = async (context: CompletionContext) => {
      const found = await options.complete(context.state.sliceDoc(Math.max(0, context.pos - 400), context.pos), context.explicit);
      if (!found) return null;
      return { from: context.pos - found.back, options: found.options, validFor: /^[\w -]*$/ };
    };
    this.#view = new EditorView({
      parent: options.parent,
      state: EditorState.create({
        doc: options.text,
        extensions: [
          lineNumbers(),
          options.lua ? lintGutter() : [],
          highlightActiveLineGutter(),
          highlightSpecialChars(),
          history(),
          drawSelection(),
          EditorState.allowMultipleSelections.of(true),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': options.label, spellcheck: 'false', autocapitalize: 'off' }),
          indentUnit.of('  '),
          options.lua
            ? [StreamLanguage.define({ ...lua, languageData: { ...lua.languageData, indentOnInput: /^\s*(?:end|else|elseif|until|\)|\})$/ } }), indented, indentOnInput(), syntaxHighlighting(colours), bracketMatching(), closeBrackets(), autocompletion({ override: [source] })]
            : [],
          this.#words.of([]),
          highlightActiveLine(),
          highlightSelectionMatches(),
          search({ top: true }),
          look,
          keymap.of([
            { key: 'Mod-s', run: () => (options.save(), true), preventDefault: true },
            ...closeBracketsKeymap,
            ...defaultKeymap,
            ...searchKeymap,
            ...historyKeymap,
            ...completionKeymap,
            ...lintKeymap,
            // Esc, then Tab, leaves the editor: who uses the keyboard alone is not caught in it.
            indentWithTab,
          ]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) options.changed(update.state.doc.toString());
            if (update.docChanged || update.selectionSet) {
              options.moved(update.state.doc.lineAt(update.state.selection.main.head).number);
            }
          }),
        ],
      }),
    });
  }

  /** Shows what is wrong at its lines. */
  show(problems: Problem[]): void {
    const doc = this.#view.state.doc;
    const diagnostics = problems.map((problem): Diagnostic => {
      const line = doc.line(Math.min(Math.max(problem.line, 1), doc.lines));
      // Columns count characters, positions UTF-16 units.
      const place = (column: number) => Math.min(line.from + [...line.text].slice(0, column - 1).join('').length, line.to);
      const from = problem.column > 0 ? place(problem.column) : line.from + (/^\s*/.exec(line.text)?.[0].length ?? 0);
      return {
        from,
        to: problem.end_column > problem.column ? Math.max(from, place(problem.end_column)) : line.to,
        severity: problem.severity,
        message: problem.hint ? `${problem.message}\n${problem.hint}` : problem.message,
      };
    });
    this.#view.dispatch(setDiagnostics(this.#view.state, diagnostics));
  }

  colour(words: string[]): void {
    this.#view.dispatch({ effects: this.#words.reconfigure(wordColours(words)) });
  }

  replace(text: string): void {
    const doc = this.#view.state.doc;
    if (doc.toString() !== text) this.#view.dispatch({ changes: { from: 0, to: doc.length, insert: text } });
  }

  /** Puts the cursor on a line, in the middle of what is seen. */
  go(number: number): void {
    const doc = this.#view.state.doc;
    const line = doc.line(Math.min(Math.max(number, 1), doc.lines));
    this.#view.dispatch({ selection: { anchor: line.from }, effects: EditorView.scrollIntoView(line.from, { y: 'center' }) });
    this.#view.focus();
  }

  focus(): void {
    this.#view.focus();
  }

  close(): void {
    this.#view.destroy();
  }
}

/**
 * What a style attribute may say: how text and boxes look, nothing that loads, moves out of its box, or covers others.
 * No url() at all, not even with remote content allowed: it would make the viewer call any host (CVE-2026-48843).
 */
const PROPERTIES: ReadonlySet<string> = new Set([
  'background',
  'background-color',
  'border-collapse',
  'border-radius',
  'border-spacing',
  'box-sizing',
  'caption-side',
  'clear',
  'color',
  'direction',
  'display',
  'empty-cells',
  'float',
  'font',
  'font-family',
  'font-size',
  'font-style',
  'font-variant',
  'font-weight',
  'height',
  'letter-spacing',
  'line-height',
  'list-style-type',
  'max-height',
  'max-width',
  'min-height',
  'min-width',
  'opacity',
  'table-layout',
  'text-align',
  'text-decoration',
  'text-indent',
  'text-transform',
  'unicode-bidi',
  'vertical-align',
  'visibility',
  'white-space',
  'width',
  'word-break',
  'word-spacing',
  'word-wrap',
  'overflow-wrap',
]);
const SIDES =
  /^(?:margin|padding|border)(?:-(?:top|right|bottom|left)(?:-(?:color|style|width))?|-color|-style|-width)?$/;
const DISPLAY =
  /^(?:none|block|inline|inline-block|list-item|table|inline-table|table-(?:row|cell|caption|column|row-group|header-group|footer-group|column-group))$/i;
// No backslash (escapes hide names), no comment, no bracket that is not a colour's, no at-sign, no markup.
const VALUE = /^[\w\s#%.,+/!"'-]*$/;
const COLOUR_FUNCTION = /\b(?:rgb|rgba|hsl|hsla)\(\s*[\d.%\s,+/-]{1,60}\)/gi;
const NEGATIVE = /(?:^|[\s,])-\s*[\d.]/;
const MAX_DECLARATIONS = 60;

/** Only the harmless declarations of a style attribute; empty where there is none. */
export function safeStyle(style: string): string {
  return style
    .split(';', MAX_DECLARATIONS)
    .map(safeDeclaration)
    .filter((declaration) => declaration !== undefined)
    .join(';');
}

function safeDeclaration(declaration: string): string | undefined {
  const colon = declaration.indexOf(':');
  if (colon < 1 || declaration.length > 300) return undefined;
  const property = declaration.slice(0, colon).trim().toLowerCase();
  const value = declaration.slice(colon + 1).trim();
  if (!PROPERTIES.has(property) && !SIDES.test(property)) return undefined;
  return isSafeValue(property, value) ? `${property}:${value}` : undefined;
}

function isSafeValue(property: string, value: string): boolean {
  if (value === '' || !VALUE.test(value.replace(COLOUR_FUNCTION, ' '))) return false;
  // A quote that is not closed would take in the next declaration.
  if (value.split('"').length % 2 === 0 || value.split("'").length % 2 === 0) return false;
  if (property === 'display') return DISPLAY.test(value.replace(/\s*!important$/i, ''));
  return !NEGATIVE.test(value);
}

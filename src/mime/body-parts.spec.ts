import { describe, expect, it } from '@jest/globals';
import type { Part } from '../mailbox/model/message.js';
import { findAttachments, findBodyParts, hasAttachments } from './body-parts.js';
import { estimateDecodedSize, findPart } from './part-tree.js';

let next = 0;
function part(contentType: string, more: Partial<Part> = {}): Part {
  next += 1;
  return { partNumber: String(next), contentType, encoding: '7bit', sizeBytes: 10, parts: [], ...more };
}
const multipart = (subtype: string, ...parts: Part[]): Part => part(`multipart/${subtype}`, { parts });
const text = part('text/plain');
const named = part('text/plain', { filename: 'x.txt' });
const html = part('text/html');
const picture = part('image/png', { contentId: 'a@b', disposition: 'inline', filename: 'a.png' });
const pdf = part('application/pdf', { disposition: 'attachment', filename: 'a.pdf' });
const noteFile = part('text/plain', { disposition: 'attachment', filename: 'note.txt' });
const signature = part('application/pgp-signature', { filename: 'signature.asc' });
const footer = part('text/plain');
const enclosed = part('message/rfc822', { parts: [part('text/plain')] });

describe('findBodyParts', () => {
  it.each<[string, Part, { text?: Part; html?: Part }]>([
    ['text alone', text, { text }],
    ['html alone', html, { html }],
    ['a named text alone', named, { text: named }],
    ['alternative', multipart('alternative', text, html), { text, html }],
    ['alternative with related', multipart('alternative', text, multipart('related', html, picture)), { text, html }],
    ['related with alternative', multipart('related', multipart('alternative', text, html), picture), { text, html }],
    ['mixed', multipart('mixed', multipart('alternative', text, html), pdf), { text, html }],
    ['mixed, file first', multipart('mixed', pdf, noteFile, text), { text }],
    ['mixed with a footer', multipart('mixed', html, footer), { html }],
    ['only files', multipart('mixed', pdf, noteFile), {}],
    ['signed', multipart('signed', multipart('mixed', text, pdf), signature), { text }],
    ['report', multipart('report', text, part('message/delivery-status'), enclosed), { text }],
    ['an unknown multipart', multipart('x-unknown', text), { text }],
    ['an enclosed message', multipart('mixed', enclosed), {}],
    ['nothing', multipart('mixed'), {}],
    ['an empty related', multipart('related'), {}],
    ['the last of two', multipart('alternative', footer, text, html), { text, html }],
  ])('finds the text of %s', (_name, root, expected) => {
    expect(findBodyParts(root)).toEqual(expected);
  });
});

describe('findAttachments', () => {
  const root = multipart(
    'mixed',
    multipart('related', multipart('alternative', text, html), picture),
    pdf,
    noteFile,
    enclosed,
  );

  it('gives files and enclosed messages, not the text, nor what is inside an enclosed message', () => {
    expect(findAttachments(root, { inline: false })).toEqual([pdf, noteFile, enclosed]);
  });

  it('adds inline pictures when asked', () => {
    expect(findAttachments(root, { inline: true })).toEqual([picture, pdf, noteFile, enclosed]);
  });

  it('takes a picture that is said to be an attachment for one, even with a Content-ID', () => {
    const photo = part('image/jpeg', { contentId: 'x', disposition: 'attachment', filename: 'x.jpg' });
    expect(findAttachments(multipart('mixed', text, photo), { inline: false })).toEqual([photo]);
  });

  it('takes a named picture without disposition or Content-ID for an attachment', () => {
    const photo = part('image/jpeg', { filename: 'x.jpg' });
    expect(hasAttachments(multipart('mixed', text, photo))).toBe(true);
  });

  it('finds none in plain mail', () => {
    expect(hasAttachments(text)).toBe(false);
    expect(hasAttachments(multipart('related', html, picture))).toBe(false);
    expect(hasAttachments(multipart('mixed', html, footer))).toBe(false);
  });
});

describe('findPart', () => {
  it('finds by number, inside enclosed messages too', () => {
    const root = multipart('mixed', text, enclosed);
    expect(findPart(root, enclosed.parts[0]?.partNumber ?? '')).toBe(enclosed.parts[0]);
    expect(findPart(root, 'none')).toBeUndefined();
  });
});

describe('estimateDecodedSize', () => {
  it('is near the truth for base64', () => {
    const encoded = Buffer.alloc(10_000, 1).toString('base64').replace(/.{76}/g, '$&\r\n');
    const estimate = estimateDecodedSize(part('application/pdf', { encoding: 'base64', sizeBytes: encoded.length }));
    expect(Math.abs(estimate - 10_000)).toBeLessThan(100);
    expect(estimateDecodedSize(text)).toBe(10);
  });
});

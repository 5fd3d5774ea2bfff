import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';

/** What V8 and malloc are told, wherever it is said. */
async function startOptions(path: string, line: RegExp): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8');
  const lines = text.split('\n').filter((one) => line.test(one));
  const options = lines.join('\n').match(/--(?:max|heap|expose)[\w-]+(?:=\d+)?|MALLOC_\w+=\d+/g) ?? [];
  return [...new Set(options)].sort();
}

it('the gateway is started alike by npm, by script/server and in the image, and as the operations guide says', async () => {
  const npm = await startOptions('package.json', /"start":/);
  expect(npm).toHaveLength(6);
  expect(await startOptions('script/server', /^(exec node --max|export MALLOC)/)).toEqual(npm);
  expect(await startOptions('Dockerfile', /MALLOC_|^CMD/)).toEqual(npm);
  expect(await startOptions('docs/operations.md', /in production run/)).toEqual(npm);
});

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Controller, Get, Param, Res } from '@nestjs/common';
import type { Response } from 'express';
import { notFound } from '../mailbox/mailbox.errors.js';
import { CONSOLE_BOOT, CONSOLE_CSP, CONSOLE_CSS, CONSOLE_HTML } from './console/page.js';

const compress = promisify(gzip);

type Assets = ReadonlyMap<string, Buffer>;

/** GraphiQL with nothing from anywhere else. Its 9 MB are loaded and compressed when somebody first looks. */
@Controller()
export class ConsoleController {
  private assets: Promise<Assets> | undefined;

  @Get()
  page(@Res() response: Response): void {
    response
      .set({ 'content-security-policy': CONSOLE_CSP, 'cache-control': 'no-cache' })
      .type('html')
      .send(CONSOLE_HTML);
  }

  @Get('console/:file')
  async asset(@Param('file') file: string, @Res() response: Response): Promise<void> {
    this.assets ??= loadAssets();
    const asset = (await this.assets).get(file);
    if (!asset) throw notFound('file');
    response
      .set({ 'content-encoding': 'gzip', vary: 'accept-encoding', 'cache-control': 'public, max-age=3600' })
      .type(file.endsWith('.css') ? 'css' : 'js')
      .send(asset);
  }
}

async function loadAssets(): Promise<Assets> {
  const graphiql = await import('@graphql-yoga/render-graphiql/graphiql');
  const texts = {
    'boot.js': CONSOLE_BOOT,
    'console.css': CONSOLE_CSS,
    'graphiql.css': graphiql.css,
    'graphiql.js': graphiql.js,
    'editorWorkerService.worker.js': graphiql.editorWorkerService,
    'json.worker.js': graphiql.jsonWorker,
    'graphql.worker.js': graphiql.graphqlWorker,
  };
  const compressed = Object.entries(texts).map(async ([name, text]) => [name, await compress(text)] as const);
  return new Map(await Promise.all(compressed));
}

/** The part of hoodiecrow-imap 2.1 that the demo uses; the package has no types. Octets are strings of U+0000-U+00FF. */
declare module 'hoodiecrow-imap' {
  import type { EventEmitter } from 'node:events';
  import type { Server, Socket } from 'node:net';

  namespace hoodiecrow {
    interface Message {
      raw: string;
      internaldate: Date;
      flags: string[];
    }
    interface Mailbox {
      uidvalidity?: number;
      messages?: Message[];
      folders?: Record<string, Mailbox>;
      'special-use'?: string;
    }
    interface Namespace {
      separator: string;
      folders: Record<string, Mailbox>;
    }
    interface Options {
      plugins: (string | ((server: ImapServer) => void))[];
      users: Record<string, { password: string }>;
      storage: Record<'INBOX', Mailbox> & Record<'', Namespace>;
    }
    interface Connection {
      readonly socket: Socket;
      /** Extensions the client asked for by ENABLE and got. */
      readonly enabled: readonly string[];
      send(response: Response): void;
    }
    interface Response {
      tag: string;
      command: string;
      attributes: { type: 'ATOM'; value: string }[];
    }
    interface FetchQuery {
      /** First octet, and how many. */
      partial?: readonly number[];
    }
    type FetchHandler = (connection: Connection, message: Message, query: FetchQuery) => unknown;
    interface ImapServer extends EventEmitter {
      readonly server: Server;
      readonly connectionHandlers: ((connection: Connection) => void)[];
      /** Called before each response is sent; the description is the server's own name for it. */
      readonly outputHandlers: ((connection: Connection, response: Response, description: string) => void)[];
      /** Asked before its own, by item name. */
      readonly fetchHandlers: Record<string, FetchHandler>;
      listen(port: number, host: string): void;
      appendMessage(path: string, flags: string[], internaldate: Date, raw: string): void;
    }
  }

  function hoodiecrow(options: hoodiecrow.Options): hoodiecrow.ImapServer;
  export = hoodiecrow;
}

declare module 'hoodiecrow-imap/lib/commands/handlers/fetch.js' {
  import type hoodiecrow from 'hoodiecrow-imap';
  const fetchHandlers: { readonly BODY: hoodiecrow.FetchHandler };
  export default fetchHandlers;
}

import { ImapAdapter } from './imap/imap.adapter.js';
import { Pop3Adapter } from './pop3/pop3.adapter.js';

/** Every protocol the gateway speaks. A new one is a folder of its own and a line here. */
export const PROTOCOLS = [ImapAdapter, Pop3Adapter];

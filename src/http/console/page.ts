import { EXAMPLES } from './examples.js';

/** Everything the page loads comes from the gateway, and nothing of it is inline. */
export const CONSOLE_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  // The editor writes its colours into style elements as it runs.
  "style-src 'self' 'unsafe-inline'",
  'img-src data:',
  'font-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const CONSOLE_HTML = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Mailroom</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="/console/graphiql.css" />
    <link rel="stylesheet" href="/console/console.css" />
  </head>
  <body>
    <noscript>The console needs JavaScript.</noscript>
    <form id="key-form" hidden>
      <h1>Mailroom</h1>
      <label for="key">API key</label>
      <input id="key" type="password" autocomplete="off" spellcheck="false" required />
      <p id="key-error" role="alert"></p>
      <button>Open the console</button>
      <p>The demo prints a key when it starts; otherwise the first one is in <code>data/admin.key</code>. It is kept in this browser tab.</p>
    </form>
    <div id="root"></div>
    <script src="/console/boot.js"></script>
  </body>
</html>
`;

export const CONSOLE_CSS = `html, body, #root, .graphiql-container { height: 100%; margin: 0; }
#key-form { max-width: 26rem; margin: 15vh auto; padding: 2rem; font: 16px/1.5 system-ui, sans-serif; }
#key-form label { display: block; font-weight: 600; }
#key-form input { box-sizing: border-box; width: 100%; padding: .5rem; font: inherit; }
#key-form button { padding: .5rem 1rem; font: inherit; cursor: pointer; }
#key-form p { color: #555; font-size: 14px; }
#key-error { color: #b00020 !important; }
`;

/**
 * Asks for the key once and puts it into the Headers pane of every tab, where it can be changed. Subscriptions go by server-sent
 * events, which carry those headers like every other request; a WebSocket would be opened without them.
 */
export const CONSOLE_BOOT = `'use strict';
const storageKey = 'mailroom-key';
const form = document.querySelector('#key-form');
const field = document.querySelector('#key');

async function refusal(key) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { authorization: 'Bearer ' + key, 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ viewer { kind } }' }),
  });
  const answer = await response.json();
  return answer.errors ? answer.errors[0].message : undefined;
}

function load(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = url;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

async function open(key) {
  form.hidden = true;
  self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_, label) => '/console/' + label + '.worker.js' };
  await load('/console/graphiql.js');
  const headers = JSON.stringify({ Authorization: 'Bearer ' + key }, null, 2);
  const examples = ${JSON.stringify(EXAMPLES)};
  YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), {
    title: 'Mailroom',
    endpoint: '/graphql',
    subscriptionsProtocol: 'SSE',
    headers,
    defaultTabs: examples.map((example) => ({ ...example, headers })),
    shouldPersistHeaders: false,
    showPersistHeadersSettings: false,
    onEditQuery: () => history.replaceState({}, '', '/'),
  });
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const error = await refusal(field.value.trim()).catch(() => 'the gateway does not answer');
  document.querySelector('#key-error').textContent = error ?? '';
  if (error) return;
  sessionStorage.setItem(storageKey, field.value.trim());
  await open(field.value.trim());
});

// A link may bring the key behind its #, which browsers do not send to any server.
const linked = new URLSearchParams(location.hash.slice(1)).get('key');
if (linked) {
  sessionStorage.setItem(storageKey, linked);
  history.replaceState({}, '', '/');
}
const kept = sessionStorage.getItem(storageKey);
const known = kept && refusal(kept).catch(() => 'no answer');
Promise.resolve(known).then((error) => {
  if (kept && !error) return open(kept);
  form.hidden = false;
  field.focus();
});
`;

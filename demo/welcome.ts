/** What the demo prints when everything runs. */
export function welcome(url: string, key: string, messageId: string): string {
  return `
Mailroom is running, with one IMAP and one POP3 account in it.

  In the browser   ${url}/
  API              ${url}/graphql
  API key          ${key}
                   send it as the header  Authorization: Bearer <key>

A new message arrives in each account about twice a minute. Three things to paste:

1. The newest mail of both accounts in one list

query Inbox {
  messages(first: 10, filter: { specialUse: [INBOX] }) {
    nodes {
      id
      subject
      from { name address }
      receivedAt
      seen
      flagged
      preview
      account { name protocol }
    }
    pageInfo { hasNextPage endCursor }
  }
}

2. Flag a message

mutation Flag {
  updateMessages(input: { ids: ["${messageId}"], flagged: true }) {
    messages { id subject flagged mailbox { path } }
    failures { id error { code message } }
    errors { code message }
  }
}

3. Watch new mail arrive (wait half a minute)

subscription NewMail {
  messageAdded {
    account { name protocol }
    message { id subject from { name address } preview }
  }
}

Ctrl-C stops everything. The two demo accounts are made anew at each start; accounts you add yourself stay.
`;
}

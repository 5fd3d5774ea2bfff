/** Tabs that are open when somebody looks at the console for the first time. Ids come from the answers of the first tab. */
export const EXAMPLES: readonly { readonly query: string; readonly variables?: string }[] = [
  {
    query: `# All accounts' mail in one list, newest first.
query Inbox {
  messages(first: 20) {
    nodes {
      id
      subject
      from { name address }
      receivedAt
      seen
      flagged
      preview
      mailbox { id name }
      account { name protocol }
    }
    pageInfo { hasNextPage endCursor }
    incomplete { accountId error { code message } }
  }
}
`,
  },
  {
    query: `# Accounts, how they are, and their mailboxes.
query Accounts {
  accounts {
    nodes {
      id
      name
      protocol
      storage
      status { state since lastError { code message } }
      sync { complete messagesSynced messagesTotal }
      mailboxes { id path specialUse totalMessages unseenMessages }
      changeCursor
    }
  }
}
`,
  },
  {
    query: `# One message, with its text. Put an id of the first tab into the variables below.
query Open($id: ID!) {
  message(id: $id) {
    subject
    body { text html truncated }
    attachments { filename contentType sizeBytes url }
    headers(names: ["From", "To", "Date"]) { name value }
    rawUrl
  }
}
`,
    variables: '{ "id": "msg_" }\n',
  },
  {
    query: `mutation Flag($ids: [ID!]!) {
  updateMessages(input: { ids: $ids, flagged: true, seen: true }) {
    messages { id flagged seen }
    failures { id error { code message } }
    errors { code message field }
  }
}
`,
    variables: '{ "ids": ["msg_"] }\n',
  },
  {
    query: `# To another mailbox of the same account: ids are in the second tab.
mutation Move($ids: [ID!]!, $mailboxId: ID!) {
  moveMessages(input: { ids: $ids, mailboxId: $mailboxId }) {
    messages { id mailbox { name } }
    failures { id error { code message } }
    errors { code message field }
  }
}
`,
    variables: '{ "ids": ["msg_"], "mailboxId": "mbx_" }\n',
  },
  {
    query: `# To Trash; for good where it is in Trash already.
mutation Delete($ids: [ID!]!) {
  deleteMessages(input: { ids: $ids }) {
    trashed { id mailbox { name } }
    deletedIds
    failures { id error { code message } }
    errors { code message field }
  }
}
`,
    variables: '{ "ids": ["msg_"] }\n',
  },
  {
    query: `# Leave it running: new mail of every account appears here.
subscription NewMail {
  messageAdded {
    cursor
    account { name protocol }
    message { id subject from { name address } preview }
  }
}
`,
  },
];

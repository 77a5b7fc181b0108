// Runs in a frame of its own, between the page and the shell: what the page asks for passes here
// first, out of reach of whatever might have got into the page. It lets through the form of our
// own commands and nothing else: no plugin's command, and nothing of a size that no command needs.
'use strict';

const OURS = /^[a-z_]{1,64}$/;
// How Tauri hands over an answer or event that is too long for one call; it names only a number.
const FETCH = 'plugin:__TAURI_CHANNEL__|fetch';
const LONGEST = 12 * 1024 * 1024;

window.__TAURI_ISOLATION_HOOK__ = (message) => {
  const { cmd, payload } = message;
  if (cmd !== FETCH && !(typeof cmd === 'string' && OURS.test(cmd))) {
    throw new Error('not a command of this app');
  }
  if ((JSON.stringify(payload ?? null) ?? '').length > LONGEST) throw new Error('too large');
  return message;
};

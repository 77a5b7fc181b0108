// Runs in a frame of its own, between the page and the shell: what the page asks for passes here
// first, out of reach of whatever might have got into the page. It lets through the shape of our
// own commands and nothing else: no plugin's command, and nothing of a size that no command needs.
'use strict';

const LONGEST = 12 * 1024 * 1024;

window.__TAURI_ISOLATION_HOOK__ = (payload) => {
  const { cmd, payload: args } = payload;
  if (typeof cmd !== 'string' || !/^[a-z_]{1,64}$/.test(cmd)) {
    if (cmd !== 'plugin:__TAURI_CHANNEL__|fetch') throw new Error('not a command of this app');
  }
  if (JSON.stringify(args ?? null).length > LONGEST) throw new Error('too large');
  return payload;
};

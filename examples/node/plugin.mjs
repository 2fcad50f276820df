#!/usr/bin/env node
// A plugin in Node.js, written from docs/spec/process-protocol.md alone and without a package: the protocol in JSON
// first, then the plugin that this project's suite of runtimes calls. It has no streams, and says so.
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
const HELLO = 1, OPEN = 2, CALL = 3, ANSWER = 4, FAIL = 5, CANCEL = 6, LOG = 7;
const PING = 8, CONFIGURE = 9, QUIESCE = 10, STOP = 11, STREAM = 12, CREDIT = 15;
const NONE = Buffer.alloc(0), MAX_FRAME = (64 << 20) + (64 << 10);
const { PLUGSTEAD_IN: fdIn, PLUGSTEAD_OUT: fdOut, PLUGSTEAD_PLUGIN: plugin } = process.env;
for (const name of ['PLUGSTEAD_IN', 'PLUGSTEAD_OUT']) delete process.env[name]; // nobody else is to use them
const input = new net.Socket({ fd: Number(fdIn), readable: true, writable: fdIn === fdOut });
const output = fdIn === fdOut ? input : new net.Socket({ fd: Number(fdOut), readable: false, writable: true });

// Integers of 16 digits and more, which numbers here do not hold exactly, are texts that begin with a zero byte.
const big = (n) => `\0${n}`, long = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d{16,}(?![\d.eE])/g;
const decode = (b) => JSON.parse(b.toString().replace(long, (s) => (s[0] === '"' ? s : `"\\u0000${s}"`)));
const encode = (v) => Buffer.from(JSON.stringify(v ?? {}).replace(/"\\u0000(-?\d+)"/g, '$1'));
const le = (n, size) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b.subarray(0, size); };
function send(type, id, ...parts) {
  const body = Buffer.concat(parts);
  output.write(Buffer.concat([le(9 + body.length, 4), Buffer.of(type), le(id, 8), body]));
}
const failure = (code, message, more) => Object.assign(new Error(message), { code, ...more });
function errorOf(e) {
  const code = { AbortError: 1, SyntaxError: 3, TypeError: 13 }[e.name] ?? (Number.isInteger(e.code) ? e.code : 2);
  if (code === 13) log(8, 'panic in a handler', [{ k: 'stack', v: e.stack }]);
  return { code, message: e.message, reason: code === 13 ? 'PLUGIN_PANIC' : e.reason, details: e.details };
}
let about = {}, last = 0;
const asked = new Map(), serving = new Map(); // requests of this side and of the other, by number
const record = (level, msg, attrs) => encode({ time: big(BigInt(Date.now()) * 1000000n), level, msg, attrs });
const log = (level, msg, attrs) => level >= (about.log_level ?? 0) && send(LOG, 0, record(level, msg, attrs));
class Request { // that is served here; calls are made within it
  constructor(id, body, isCall) {
    Object.assign(this, { id, ender: new AbortController(), limit: body.readBigUInt64LE(isCall ? 1 : 0), trace: NONE, body });
    if (!isCall) return;
    const path = 19 + body.readUInt16LE(17), parent = body[0] & 128 ? path + 1 + body[path] : path; // where they end
    const state = body[0] & 128 ? parent + 2 + body.readUInt16LE(parent) : path;
    this.path = body.toString('utf8', 19, path);
    [this.trace, this.body] = [body.subarray(path, state), body.subarray(state)];
    this.traceText = state > path ? `${body.toString('utf8', path + 1, parent)} ${body.toString('utf8', parent + 2, state)}` : ' ';
  }
  ask(target, path, message, peer) { // of the host, or of the plugin peer
    const to = peer === undefined ? NONE : Buffer.concat([Buffer.of(peer.length), Buffer.from(peer), le(0, 2), le(0, 8)]);
    const head = [Buffer.of(target | (this.trace.length > 0 ? 128 : 0)), le(0, 8), le(this.id, 8), le(path.length, 2), Buffer.from(path)];
    send(CALL, ++last, ...head, to, this.trace, message);
    return new Promise((resolve, reject) => asked.set(last, { resolve, reject }));
  }
  call(path, message, peer) { return this.ask(peer === undefined ? 0 : 1, path, encode(message), peer); }
  has(path, peer) { return this.ask(2, path, NONE, peer).then(() => true, () => false); }
}
async function serve(type, id, body) {
  const r = new Request(id, body, type === CALL || type === STREAM);
  serving.set(id, r);
  await (r.done = work(type, r).then((answer) => send(ANSWER, id, answer ?? NONE), (e) => send(FAIL, id, encode(errorOf(e)))));
  serving.delete(id);
  if (type === STOP) output.end(() => process.exit(0));
}
function receive(type, id, body) {
  if (type === CANCEL) return serving.get(id)?.ender.abort();
  if (type >= 128) return undefined;
  if (type !== ANSWER && type !== FAIL) return type < OPEN || type > STREAM ? process.exit(1) : serve(type, id, body);
  const mine = asked.get(id), value = body.length > 0 ? decode(body) : undefined;
  asked.delete(id);
  return type === ANSWER ? mine?.resolve(value) : mine?.reject(failure(value.code, value.message, value));
}
let chunks = [], size = 0, need = 4; // what has come, and how much makes the next step
input.on('data', (chunk) => {
  chunks.push(chunk);
  if ((size += chunk.length) < need) return;
  let b = Buffer.concat(chunks);
  for (need = 4; b.length >= need; b = b.subarray(need), need = 4) {
    if ((need += b.readUInt32LE()) > MAX_FRAME + 4) process.exit(1);
    if (b.length < need) break;
    receive(b[4], Number(b.readBigUInt64LE(5)), b.subarray(13, need));
  }
  [chunks, size] = [[b], b.length];
}).on('end', () => process.exit(0)).on('error', () => process.exit(0));

// The protocol ends here.
const HOST = '/plugstead.test/services.v1/', PEER = '/plugstead.test/peer.v1/Echo', OTHER = 'plugstead-test/peer', POINT = '/plugstead.test/probe.v1/';
const fields = { word: 'string', limit: 'number', wait: 'number', fail: 'boolean', sick: 'boolean', extra: { on: 'boolean', ratio: 'number' } };
let config = {}, calls = 0, quiet = false;
const fits = (v, type) => (type.on ? Object.values(v).every((x) => !unknown(x, type)) : typeof v === type || v[0] === '\0');
const unknown = (values, types) => Object.keys(values).find((k) => !types[k] || !fits(values[k], types[k]));
function configOf(b, running) { // refuses what it does not know
  const values = b.length > 0 ? decode(b) : {}, key = unknown(values, fields);
  if (key) throw failure(3, `configuration: ${key}`);
  if (values.fail) throw running ? failure(3, 'told to refuse') : failure(9, 'told to fail', { details: { word: values.word } });
  return values;
}
const offers = (name) => (about.services ?? []).some((s) => s.path === HOST + name);
const note = (text) => new Request(0, le(0, 8)).call(`${HOST}Note`, { text }); // within no request
const failures = {
  code: () => failure(5, 'no such thing', { reason: 'NO_THING', details: { thing: 'x', näme: 'ü' } }),
  wrapped: () => Object.assign(failures.code(), { message: 'while looking: no such thing' }),
  plain: () => failure(2, 'plain'), bytes: () => failure(2, 'bad \ufffd'), panic: () => new TypeError('boom'), nil: () => null.x,
  exit: () => { process.stderr.write('last words\n'); process.exit(3); },
  crash: () => sleep(1e6, setImmediate(() => { throw new Error('crash in a goroutine'); })),
};
async function wait(r, { For, Announce }) {
  const say = async (text, e) => { if (Announce) await note(text); if (e) throw e; };
  await say('waiting');
  await sleep(For / 1e6, 0, { signal: r.ender.signal }).catch((e) => say('cancelled', e));
  await say('finished');
  return { Left: big(r.limit) };
}
function peer(r, m) {
  if (m.Text === 'fail') throw failure(6, 'peer says no', { reason: 'PEER_NO' });
  return { ...m, Text: `${about.plugin}: ${m.Text}${m.Text.endsWith('trace') ? ` ${r.traceText.split(' ')[0]}` : ''}` };
}
const methods = {
  Echo: (r, m) => (r.path.startsWith(PEER) ? peer(r, m) : m), Tick: (r, m) => m, Short: (r, m) => m, Wait: wait, Prompt: wait,
  Call: (r, m) => r.call(`${HOST}Lookup`, m), Ask: (r, m) => r.call(PEER, m, m.other_name),
  Fail: async (r, { How }) => { const e = await failures[How]?.(); if (e) throw e; },
  Look: (r) => ({ ID: about.plugin, Word: config.word, Limit: config.limit, DataDir: about.data_dir, Calls: ++calls, Quiet: quiet, Trace: r.traceText,
    Environ: Object.entries(process.env).map((kv) => kv.join('=')), Now: new Date(), Random: big(randomBytes(8).readBigUInt64LE()) }),
  Offered: async (r) => ({ Lookup: offers('Lookup'), Unkept: offers('Unkept'), PeerEcho: await r.has(PEER, OTHER),
    PeerAbsent: await r.has(`${POINT}Absent`, OTHER), StrangerEcho: await r.has(PEER, 'plugstead-test/stranger') }),
  Say: (r, { Log, Debug, Stdout, Stderr }) => {
    const values = { b: 'two', n: -5, u: 7, f: 1.5, on: true, d: 1e9, t: big('1700000000000000005'), err: 'plain' };
    const g = Object.entries(values).map(([k, v]) => ({ k, v, t: { d: 'duration', t: 'time' }[k] }));
    if (Log) log(4, Log, [{ k: 'a', v: 1 }, { k: 'g', t: 'group', g: [...g, { k: 'in', t: 'group', g: [{ k: 'x', v: 'y' }] }] }]);
    if (Debug) log(-4, Debug);
    if (Stdout) process.stdout.write(Buffer.concat([Buffer.from(Stdout, 'base64'), Buffer.from('\n')]));
    if (Stderr) process.stderr.write(`${Stderr}\n`);
  },
};
async function open(r) {
  const size = r.body.readUInt32LE(8);
  [about, config] = [decode(r.body.subarray(12 + size)), configOf(r.body.subarray(12, 12 + size))];
  await sleep((config.wait ?? 0) / 1e6, 0, { signal: r.ender.signal });
}
async function work(type, r) {
  switch (type) {
    case OPEN: return open(r);
    case CALL: return encode(await methods[r.path.slice(r.path.lastIndexOf('/') + 1)](r, decode(r.body)));
    case PING: return config.sick ? Promise.reject(failure(14, 'sick')) : undefined;
    case CONFIGURE: if (plugin === OTHER) throw failure(12, 'it takes a configuration only when it starts');
      return void (config = configOf(r.body.subarray(8), true));
    case QUIESCE: return void (quiet = true);
    case STOP: await Promise.all([...serving.values()].map((x) => x.done)); // what is in flight ends before
      return offers('Note') ? void await note('stop') : undefined;
    default: throw failure(9, 'this plugin has no streams');
  }
}
const list = Object.keys(methods).map((name) => ({ path: POINT + name, minor: 1, kind: 0, fingerprint: { Echo: '0b3e67b8609452ff' }[name] }));
const all = { 'plugstead-test/probe': list, [OTHER]: [PEER, '/plugstead.test/peer.v2/Echo'].map((path) => ({ path, minor: 0, kind: 0 })) };
send(HELLO, 0, encode({ protocol: 1, plugin, methods: all[plugin] ?? process.exit(1) }));

// @sigstore/verify looks at a log: every envelope's signature, and every entry's inclusion under the signed checkpoint.
//
// usage: node check_sigstore.mjs LOG_FOLDER MODULES
//
// The Verifier is asked as for any bundle with a public key. Its check of inclusion and checkpoint is asked directly, because
// around it stands a comparison with the body of a Rekor entry, which our entries are not.

import { createRequire } from 'node:module';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';

const [log, modules] = process.argv.slice(2);
const require = createRequire(join(modules, 'package.json'));
const { bundleFromJSON } = require('@sigstore/bundle');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');
const { verifyTLogInclusion } = require(join(modules, 'node_modules/@sigstore/verify/dist/tlog'));
const { crypto } = require('@sigstore/core');

const SPKI = Buffer.from('302a300506032b6570032100', 'hex'); // RFC 8410
const der = (vkey) => Buffer.concat([SPKI, Buffer.from(vkey.split('+').slice(2).join('+'), 'base64').subarray(1)]);
const flipped = (bytes, bit) => {
  const changed = Buffer.from(bytes);
  changed[bit >> 3] ^= 1 << (bit & 7);
  return changed;
};

const keys = {};
const trust = toTrustMaterial({ certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] },
  (hint) => ({ publicKey: crypto.createPublicKey(keys[hint]), validFor: () => true }));
const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });

function verifyEnvelope(envelope) {
  const bundle = bundleFromJSON({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: envelope.signatures[0].keyid }, tlogEntries: [] },
    dsseEnvelope: envelope,
  });
  verifier.verify(toSignedEntity(bundle));
}

function learnKeys(statement) {
  const said = statement.predicate;
  const kind = statement.predicateType.split('/').pop();
  if (kind === 'genesis')
    for (const vkey of [said.aggregator_key, ...said.operators]) keys[vkey.split('+')[0]] = der(vkey);
  if (kind === 'key-enrol') keys[said.client] = der(said.key);
}

const vkey = readFileSync(join(log, 'log.vkey'), 'utf8').trim();
const name = vkey.split('+')[0];
const raw = der(vkey).subarray(SPKI.length);
const logID = createHash('sha256').update(name + '\n').update(Buffer.of(1)).update(raw).digest();
const tlogs = [{ baseURL: name, logID, publicKey: crypto.createPublicKey(der(vkey)) }];

function verifyInclusion(index, body, receipt) {
  const split = receipt.indexOf('\n\n');
  const lines = receipt.slice(0, split).split('\n');
  assert.equal(lines.shift(), 'c2sp.org/tlog-proof@v1');
  assert.equal(lines.shift(), `index ${index}`);
  const envelope = receipt.slice(split + 2);
  const root = Buffer.from(envelope.split('\n')[2], 'base64');
  verifyTLogInclusion({
    canonicalizedBody: body,
    inclusionProof: { logIndex: String(index), rootHash: root, hashes: lines.map((l) => Buffer.from(l, 'base64')), checkpoint: { envelope } },
  }, tlogs);
}

let refused = 0;
const count = readdirSync(join(log, 'entries')).length;
for (let index = 0; index < count; index++) {
  const body = readFileSync(join(log, 'entries', `${index}.json`));
  const receipt = readFileSync(join(log, 'receipts', `${index}.tlog-proof`), 'utf8');
  const envelope = JSON.parse(body);
  learnKeys(JSON.parse(Buffer.from(envelope.payload, 'base64')));
  verifyEnvelope(envelope);
  verifyInclusion(index, body, receipt);

  const payload = flipped(Buffer.from(envelope.payload, 'base64'), index % 64);
  assert.throws(() => verifyEnvelope({ ...envelope, payload: payload.toString('base64') }), /signature verification failed/);
  assert.throws(() => verifyInclusion(index, flipped(body, index % 64), receipt), /root hash does not match/);
  assert.throws(() => verifyInclusion(index, body, receipt.replace(/(\n\n[^\n]*\n)(\d+)/, (_, a, size) => a + (Number(size) + 1))),
    /invalid checkpoint signature/);
  refused += 3;
}
assert.ok(count > 20);
console.log(`@sigstore/verify accepts ${count} envelopes, their inclusion and the checkpoint, and refuses ${refused} changed ones`);

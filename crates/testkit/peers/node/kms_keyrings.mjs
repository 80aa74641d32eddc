// Keyrings over KMS, for `peer.mjs`: every kind that the SDK has for a key and the message it wrapped the data key of.
// The endpoint and the credentials are those of the environment.

import { createRequire } from 'node:module'

const installed = createRequire(new URL('../../../../target/peers/node/', import.meta.url))
const {
  buildAwsKmsMrkAwareDiscoveryMultiKeyringNode,
  buildAwsKmsMrkAwareStrictMultiKeyringNode,
  KmsKeyringNode,
} = installed('@aws-crypto/client-node')

const NOBODY = '111111111111' // an account that has no keys

/** The one that the case names in `interface`: with a generator and children. */
export function kmsWritingKeyring({ interface: kind, generator, children }) {
  const keys = { generatorKeyId: generator, keyIds: children }
  return kind === 'mrk-keyring' ? buildAwsKmsMrkAwareStrictMultiKeyringNode(keys) : new KmsKeyringNode(keys)
}

/** Every one that must open the message, as [name, keyring]. */
export function kmsReadingKeyrings({ generator, children }) {
  const keys = [generator, ...children]
  const [, partition, , , account] = generator.split(':')
  const discoveryFilter = { accountIDs: [account], partition }
  const regions = [...new Set(keys.map(regionOf))]
  return [
    ['multi', new KmsKeyringNode({ keyIds: keys })],
    ['mrk multi', buildAwsKmsMrkAwareStrictMultiKeyringNode({ keyIds: keys })],
    ['discovery', new KmsKeyringNode({ discovery: true })],
    ['discovery, filtered', new KmsKeyringNode({ discovery: true, discoveryFilter })],
    ['mrk discovery', buildAwsKmsMrkAwareDiscoveryMultiKeyringNode({ regions })],
    ['mrk discovery, filtered', buildAwsKmsMrkAwareDiscoveryMultiKeyringNode({ regions, discoveryFilter })],
    ...keys.map((key) => [`strict ${key}`, new KmsKeyringNode({ keyIds: [key] })]),
    ...keys.map((key) => [`mrk strict ${key}`, buildAwsKmsMrkAwareStrictMultiKeyringNode({ keyIds: [key] })]),
  ]
}

/** Those that must not open it. */
export function kmsFailingKeyrings({ generator, stranger }) {
  const discoveryFilter = { accountIDs: [NOBODY], partition: generator.split(':')[1] }
  return [
    ['another key', new KmsKeyringNode({ keyIds: [stranger] })],
    ['another account', new KmsKeyringNode({ discovery: true, discoveryFilter })],
    ['another Region', buildAwsKmsMrkAwareDiscoveryMultiKeyringNode({ regions: ['ap-south-1'] })],
  ]
}

function regionOf(arn) {
  return arn.split(':')[3]
}

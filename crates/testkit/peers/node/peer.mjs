// The Node peer: messages written and read by the official AWS Encryption SDK for JavaScript.
//
//     node peer.mjs write DIR    encrypt every case of DIR/cases.json to DIR/<id>.node.msg
//     node peer.mjs read DIR     decrypt every DIR/<id>.msg and compare it with its case
//
// Both leave DIR/results.node.json. The contract, shared with the Python peer, is in ../README.md.

import { spawnSync } from 'node:child_process'
import { constants, privateDecrypt } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'

import { kmsFailingKeyrings, kmsReadingKeyrings, kmsWritingKeyring } from './kms_keyrings.mjs'

// The packages live where `setup` puts them, not beside this file.
const installed = createRequire(new URL('../../../../target/peers/node/', import.meta.url))
const {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  MultiKeyringNode,
  NodeAlgorithmSuite,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
  RawRsaKeyringNode,
} = installed('@aws-crypto/client-node')

const PEER = 'node'
const CHUNK_BYTES = 1000 // read size of the streaming direction: no multiple of 16, so reads straddle frames
const PUBLIC_KEY = 'aws-crypto-public-key' // the context entry that signing suites add

const POLICIES = {
  'forbid-encrypt-allow-decrypt': CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT,
  'require-encrypt-allow-decrypt': CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT,
  'require-encrypt-require-decrypt': CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
}
const AES_SUITES = {
  16: RawAesWrappingSuiteIdentifier.AES128_GCM_IV12_TAG16_NO_PADDING,
  24: RawAesWrappingSuiteIdentifier.AES192_GCM_IV12_TAG16_NO_PADDING,
  32: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
}
const RSA_PADDINGS = {
  pkcs1: { padding: constants.RSA_PKCS1_PADDING },
  'oaep-sha1': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
  'oaep-sha256': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
  'oaep-sha384': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha384' },
  'oaep-sha512': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha512' },
}

/** The SDK cannot do what the case asks. */
class Unsupported extends Error {}

/** The SDK read the message, and it does not say what the case says. */
class Mismatch extends Error {}

// --- keyrings ------------------------------------------------------------------------------------

function lookedUp(table, key, what) {
  if (!Object.hasOwn(table, key)) throw new Unsupported(`unknown ${what} ${JSON.stringify(key)}`)
  return table[key]
}

/** The keyring that a writer would hold: public keys where they suffice. */
function writingKeyring(spec) {
  switch (spec.type) {
    case 'raw-aes':
      return aesKeyring(spec)
    case 'raw-rsa':
      return rsaKeyring(spec, { publicKey: spec.public_pem })
    case 'raw-ecdh':
      throw new Unsupported('the SDK has no raw ECDH keyring')
    case 'multi':
      return new MultiKeyringNode({
        generator: spec.generator && writingKeyring(spec.generator),
        children: spec.children.map(writingKeyring),
      })
    case 'kms':
      if (spec.interface === 'provider') throw new Unsupported('the SDK has no master key providers')
      return kmsWritingKeyring(spec)
    default:
      throw new Unsupported(`unknown keyring type ${JSON.stringify(spec.type)}`)
  }
}

/** Every keyring that must open the message, as [name, keyring]: each key on its own, then all together. */
function readingKeyrings(spec) {
  switch (spec.type) {
    case 'raw-aes':
      return [['raw-aes', aesKeyring(spec)]]
    case 'raw-rsa':
      return [['raw-rsa', rsaKeyring(spec, { privateKey: spec.private_pem })]]
    case 'raw-ecdh':
      throw new Unsupported('the SDK has no raw ECDH keyring')
    case 'multi': {
      const members = [spec.generator, ...spec.children].flatMap((member, position) =>
        member ? readingKeyrings(member).map(([name, keyring]) => [`member ${position}: ${name}`, keyring]) : [],
      )
      return [...members, ['multi', new MultiKeyringNode({ children: members.map(([, keyring]) => keyring) })]]
    }
    case 'kms':
      return kmsReadingKeyrings(spec)
    default:
      throw new Unsupported(`unknown keyring type ${JSON.stringify(spec.type)}`)
  }
}

/** Every keyring that must not open the message, as [name, keyring]. */
function failingKeyrings(spec) {
  return spec.type === 'kms' ? kmsFailingKeyrings(spec) : []
}

function aesKeyring(spec) {
  const unencryptedMasterKey = new Uint8Array(Buffer.from(spec.key, 'hex'))
  return new RawAesKeyringNode({
    keyNamespace: spec.namespace,
    keyName: spec.name,
    unencryptedMasterKey,
    wrappingSuite: lookedUp(AES_SUITES, unencryptedMasterKey.length, 'AES key length'),
    // The format sorts the context by UTF-8 bytes. The SDK's default is UTF-16 units, for its own old messages.
    utf8Sorting: true,
  })
}

function rsaKeyring(spec, rsaKey) {
  return new RawRsaKeyringNode({
    keyNamespace: spec.namespace,
    keyName: spec.name,
    rsaKey,
    ...lookedUp(RSA_PADDINGS, spec.padding, 'RSA padding'),
  })
}

// --- one case ------------------------------------------------------------------------------------

/** Encrypts the case's plaintext. */
async function writeCase(directory, spec) {
  if (spec.frame_length === 0) throw new Unsupported('the SDK writes no non-framed messages')
  const client = buildClient(policyOf(spec))
  const keyring = writingKeyring(spec.keyring)
  const options = {
    suiteId: suiteOf(spec),
    encryptionContext: spec.context,
    frameLength: spec.frame_length,
  }
  const plaintext = join(directory, spec.plaintext)
  const message = writtenMessage(directory, spec)
  if (spec.stream) {
    await pipeline(chunksOf(plaintext), client.encryptStream(keyring, options), createWriteStream(message))
  } else {
    const { result } = await client.encrypt(keyring, readFileSync(plaintext), options)
    writeFileSync(message, result)
  }
}

/** Decrypts the case's message once with every keyring that must open it. */
async function readCase(directory, spec) {
  const client = buildClient(policyOf(spec))
  const message = join(directory, `${spec.id}.msg`)
  const expected = readFileSync(join(directory, spec.plaintext))
  for (const [name, keyring] of readingKeyrings(spec.keyring)) {
    const { plaintext, header } = spec.stream
      ? await decryptStream(client, keyring, message)
      : await decryptWhole(client, keyring, message)
    check(expected.equals(plaintext), name, 'the plaintext differs')
    checkHeader(spec, header, name)
  }
  for (const [name, keyring] of failingKeyrings(spec.keyring)) {
    const opened = await decryptWhole(client, keyring, message).then(
      () => true,
      () => false,
    )
    check(!opened, name, 'it opened the message')
  }
}

function writtenMessage(directory, spec) {
  return join(directory, `${spec.id}.${PEER}.msg`)
}

async function decryptWhole(client, keyring, message) {
  const { plaintext, messageHeader } = await client.decrypt(keyring, readFileSync(message))
  return { plaintext, header: messageHeader }
}

async function decryptStream(client, keyring, message) {
  const stream = client.decryptStream(keyring)
  let header
  stream.once('MessageHeader', (parsed) => {
    header = parsed
  })
  const received = []
  const sink = new PassThrough().on('data', (chunk) => received.push(chunk))
  await pipeline(chunksOf(message), stream, sink)
  return { plaintext: Buffer.concat(received), header }
}

function chunksOf(path) {
  return createReadStream(path, { highWaterMark: CHUNK_BYTES })
}

function checkHeader(spec, header, name) {
  const suite = header.suiteId.toString(16).padStart(4, '0')
  const { [PUBLIC_KEY]: publicKey, ...context } = header.encryptionContext
  const signing = new NodeAlgorithmSuite(header.suiteId).signatureCurve !== undefined
  check(suite === spec.suite, name, `suite ${suite}`)
  check(header.frameLength === spec.frame_length, name, `frame length ${header.frameLength}`)
  check(signing === (publicKey !== undefined), name, `${PUBLIC_KEY} does not fit the suite`)
  check(isDeepStrictEqual(context, spec.context), name, `encryption context ${JSON.stringify(context)}`)
}

function check(holds, name, problem) {
  if (!holds) throw new Mismatch(`${name}: ${problem}`)
}

function policyOf(spec) {
  return lookedUp(POLICIES, spec.policy, 'commitment policy')
}

function suiteOf(spec) {
  const id = Number.parseInt(spec.suite, 16)
  if (AlgorithmSuiteIdentifier[id] === undefined) throw new Unsupported(`unknown suite ${spec.suite}`)
  return id
}

// --- the program ---------------------------------------------------------------------------------

async function outcome(work, directory, spec) {
  try {
    await work(directory, spec)
    return { status: 'ok' }
  } catch (problem) {
    if (problem instanceof Unsupported) return { status: 'unsupported', reason: problem.message }
    // Whatever the SDK throws is this case's result, not ours.
    return { status: 'failed', reason: `${problem?.constructor?.name}: ${problem?.message}` }
  }
}

/**
 * The switch this Node asks for before it unwraps RSA PKCS #1 v1.5, or undefined when it needs none.
 *
 * Node 20 refuses that operation because its OpenSSL answers padding errors in a telling time
 * (CVE-2023-46809). Nobody measures the time of a test over its own messages, so the switch is set.
 */
function switchForPkcs1(specs) {
  const keyrings = specs.map((spec) => spec.keyring)
  for (let spec = keyrings.pop(); spec !== undefined; spec = keyrings.pop()) {
    if (spec.type === 'multi') keyrings.push(...[spec.generator, ...spec.children].filter(Boolean))
    if (spec.padding !== 'pkcs1') continue
    try {
      privateDecrypt({ key: spec.private_pem, padding: constants.RSA_PKCS1_PADDING }, Buffer.alloc(1))
    } catch (problem) {
      return /--security-revert=[\w-]+/.exec(problem.message)?.[0]
    }
  }
  return undefined
}

async function main(mode, directory, ...rest) {
  if (!['write', 'read'].includes(mode) || directory === undefined || rest.length > 0) {
    console.error('usage: node peer.mjs write|read DIR')
    return 2
  }
  const specs = JSON.parse(readFileSync(join(directory, 'cases.json'), 'utf8'))
  const revert = mode === 'read' ? switchForPkcs1(specs) : undefined
  if (revert !== undefined && !process.execArgv.includes(revert)) {
    const again = [revert, fileURLToPath(import.meta.url), mode, directory]
    return spawnSync(process.execPath, again, { stdio: 'inherit' }).status ?? 1
  }
  const results = {}
  for (const spec of specs) {
    if (mode === 'write') {
      results[spec.id] = await outcome(writeCase, directory, spec)
      // Half a message, or an older run's.
      if (results[spec.id].status !== 'ok') rmSync(writtenMessage(directory, spec), { force: true })
    } else if (existsSync(join(directory, `${spec.id}.msg`))) {
      results[spec.id] = await outcome(readCase, directory, spec)
    }
  }
  writeFileSync(join(directory, `results.${PEER}.json`), `${JSON.stringify(results, null, 1)}\n`)
  return 0
}

process.exitCode = await main(...process.argv.slice(2))

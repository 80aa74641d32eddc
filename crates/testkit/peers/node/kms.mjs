// Uses a KMS endpoint as an application does, through the AWS SDK for JavaScript, and checks what it answers.
//
//     node kms.mjs [CASE…]    with the environment that ../python/kms.py asks for, and NODE_EXTRA_CA_CERTS
//
// Each function below is one case. Ends with status 0 and one line per case, or with the first failure.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { createRequire } from 'node:module'
import { rootCertificates } from 'node:tls'

const installed = createRequire(new URL('../../../../target/peers/node/', import.meta.url))
const sdk = installed('@aws-sdk/client-kms')
const sts = installed('@aws-sdk/client-sts')

const CONTEXT = { tenant: 'acme', purpose: 'backup', clé: '\u{1f511}' }
const MINE = { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY }
const GRANTEE = {
  accessKeyId: process.env.GRANTEE_ACCESS_KEY_ID,
  secretAccessKey: process.env.GRANTEE_SECRET_ACCESS_KEY,
}

const client = (options) => new sdk.KMSClient({ maxAttempts: 1, ...options })
const kms = client()

/** One operation: call('DescribeKey', { KeyId }). */
const call = (operation, input = {}, by = kms) => by.send(new sdk[`${operation}Command`](input))

const key = async (options) => (await call('CreateKey', options)).KeyMetadata
const identity = (options) =>
  new sts.STSClient({ maxAttempts: 1, ...options }).send(new sts.GetCallerIdentityCommand({}))

/** Awaits what must be refused with the exception `name`, of that class where the SDK has one; gives the error. */
async function refused(name, promise, status = 400) {
  const error = await promise.then(
    () => assert.fail(`${name} was expected, and nothing was refused`),
    (problem) => problem,
  )
  assert.equal(error.name, name, error)
  assert.equal(error.$metadata.httpStatusCode, status)
  assert.equal(error.$metadata.requestId.length, 36)
  if (sdk[name]) assert(error instanceof sdk[name], `${name} is of the class ${error.constructor.name}`)
  return error
}

async function create_and_describe() {
  const made = await key({ Description: 'for JavaScript' })
  assert.equal(made.KeyState, 'Enabled')
  assert(made.CreationDate instanceof Date)
  const { KeyMetadata } = await call('DescribeKey', { KeyId: made.Arn })
  assert.deepEqual(KeyMetadata, made)
}

async function aliases() {
  const [made, other] = [(await key()).KeyId, (await key()).KeyId]
  await call('CreateAlias', { AliasName: 'alias/peer', TargetKeyId: made })
  const { Aliases } = await call('ListAliases', { KeyId: made })
  assert.deepEqual(Aliases.map((alias) => alias.AliasName), ['alias/peer'])
  await call('UpdateAlias', { AliasName: 'alias/peer', TargetKeyId: other })
  assert.equal((await call('DescribeKey', { KeyId: Aliases[0].AliasArn })).KeyMetadata.KeyId, other)
  await call('DeleteAlias', { AliasName: 'alias/peer' })
  await refused('NotFoundException', call('DescribeKey', { KeyId: 'alias/peer' }))
}

async function encrypt_and_decrypt() {
  const [KeyId, other] = [(await key()).KeyId, (await key()).KeyId]
  for (const Plaintext of [new Uint8Array([120]), new Uint8Array(4096).map((_, index) => index)]) {
    const { CiphertextBlob } = await call('Encrypt', { KeyId, Plaintext, EncryptionContext: CONTEXT })
    const opened = await call('Decrypt', { CiphertextBlob, EncryptionContext: CONTEXT })
    assert.deepEqual(Buffer.from(opened.Plaintext), Buffer.from(Plaintext))
    for (const EncryptionContext of [undefined, { ...CONTEXT, tenant: 'Acme' }]) {
      await refused('InvalidCiphertextException', call('Decrypt', { CiphertextBlob, EncryptionContext }))
    }
    const wrongKey = call('Decrypt', { CiphertextBlob, KeyId: other, EncryptionContext: CONTEXT })
    await refused('IncorrectKeyException', wrongKey)
    const to = { SourceEncryptionContext: CONTEXT, DestinationKeyId: other }
    const moved = await call('ReEncrypt', { CiphertextBlob, ...to })
    const again = await call('Decrypt', { CiphertextBlob: moved.CiphertextBlob })
    assert.deepEqual(Buffer.from(again.Plaintext), Buffer.from(Plaintext))
  }
  // This SDK leaves the judgement of lengths to the service.
  for (const [length, text] of [[0, 'greater than or equal to 1'], [4097, 'less than or equal to 4096']]) {
    const error = await refused('ValidationException', call('Encrypt', { KeyId, Plaintext: new Uint8Array(length) }))
    const start = "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
    assert.equal(error.message, `${start}Member must have length ${text}`)
  }
  const error = await refused('ValidationException', call('Encrypt', { Plaintext: new Uint8Array(1) }))
  assert.match(error.message, /Value null at 'keyId' failed to satisfy constraint: Member must not be null/)
}

async function data_keys() {
  const { KeyId } = await key()
  const made = await call('GenerateDataKey', { KeyId, KeySpec: 'AES_256', EncryptionContext: CONTEXT })
  assert.equal(made.Plaintext.length, 32)
  const opened = await call('Decrypt', { CiphertextBlob: made.CiphertextBlob, EncryptionContext: CONTEXT })
  assert.deepEqual(opened.Plaintext, made.Plaintext)
  const sealed = await call('GenerateDataKeyWithoutPlaintext', { KeyId, NumberOfBytes: 64 })
  assert.equal(sealed.Plaintext, undefined)
  assert.equal((await call('Decrypt', { CiphertextBlob: sealed.CiphertextBlob })).Plaintext.length, 64)
  assert.equal((await call('GenerateRandom', { NumberOfBytes: 1024 })).Plaintext.length, 1024)
}

async function rotation() {
  const { KeyId } = await key()
  const blob = async (text) => (await call('Encrypt', { KeyId, Plaintext: Buffer.from(text) })).CiphertextBlob
  const open = async (CiphertextBlob) => Buffer.from((await call('Decrypt', { CiphertextBlob })).Plaintext).toString()
  const before = await blob('before')
  await call('RotateKeyOnDemand', { KeyId })
  const after = await blob('after')
  assert.deepEqual([await open(before), await open(after)], ['before', 'after'])
  const { Rotations } = await call('ListKeyRotations', { KeyId })
  assert.deepEqual(Rotations.map((rotation) => rotation.RotationType), ['ON_DEMAND'])
  await call('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 })
  const status = await call('GetKeyRotationStatus', { KeyId })
  assert(status.KeyRotationEnabled && status.NextRotationDate > new Date())
  await call('DisableKeyRotation', { KeyId })
}

async function states() {
  const { KeyId } = await key()
  const encrypt = () => call('Encrypt', { KeyId, Plaintext: Buffer.from('x') })
  await call('DisableKey', { KeyId })
  await refused('DisabledException', encrypt())
  await call('EnableKey', { KeyId })
  await encrypt()
  await call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
  await refused('KMSInvalidStateException', encrypt())
  await call('CancelKeyDeletion', { KeyId })
}

async function grants() {
  const { KeyId } = await key()
  const user = client({ credentials: GRANTEE })
  const { Arn } = await identity({ credentials: GRANTEE })
  const { CiphertextBlob } = await call('Encrypt', { KeyId, Plaintext: Buffer.from('x'), EncryptionContext: CONTEXT })
  const decrypt = (GrantTokens) => call('Decrypt', { CiphertextBlob, EncryptionContext: CONTEXT, GrantTokens }, user)
  await refused('AccessDeniedException', decrypt())
  const grant = {
    KeyId,
    GranteePrincipal: Arn,
    RetiringPrincipal: Arn,
    Operations: ['Decrypt'],
    Constraints: { EncryptionContextSubset: { tenant: 'acme' } },
  }
  const given = await call('CreateGrant', grant)
  assert.equal(Buffer.from((await decrypt([given.GrantToken])).Plaintext).toString(), 'x')
  const { Grants } = await call('ListGrants', { KeyId })
  assert.deepEqual(Grants[0].Constraints, grant.Constraints)
  const retirable = await call('ListRetirableGrants', { RetiringPrincipal: Arn })
  assert(retirable.Grants.some((entry) => entry.GrantId === given.GrantId))
  await call('RetireGrant', { GrantToken: given.GrantToken }, user)
  await refused('AccessDeniedException', decrypt())
  const again = await call('CreateGrant', grant)
  await call('RevokeGrant', { KeyId, GrantId: again.GrantId })
  assert.deepEqual((await call('ListGrants', { KeyId })).Grants, [])
}

async function tags() {
  const { KeyId } = await key({ Tags: [{ TagKey: 'a', TagValue: '1' }] })
  await call('TagResource', { KeyId, Tags: [{ TagKey: 'a', TagValue: '2' }, { TagKey: 'b', TagValue: '' }] })
  await call('UntagResource', { KeyId, TagKeys: ['b'] })
  assert.deepEqual((await call('ListResourceTags', { KeyId })).Tags, [{ TagKey: 'a', TagValue: '2' }])
}

async function policies() {
  const { KeyId } = await key()
  assert.deepEqual((await call('ListKeyPolicies', { KeyId })).PolicyNames, ['default'])
  const policy = JSON.parse((await call('GetKeyPolicy', { KeyId })).Policy)
  policy.Statement.push({ Effect: 'Deny', Principal: '*', Action: 'kms:Encrypt', Resource: '*' })
  const Policy = JSON.stringify(policy, null, 1)
  await call('PutKeyPolicy', { KeyId, Policy })
  assert.equal((await call('GetKeyPolicy', { KeyId })).Policy, Policy)
  await refused('AccessDeniedException', call('Encrypt', { KeyId, Plaintext: Buffer.from('x') }))
}

async function pages() {
  const made = await Promise.all(Array.from({ length: 250 }, () => key()))
  const found = []
  let count = 0
  for await (const page of sdk.paginateListKeys({ client: kms, pageSize: 60 }, {})) {
    assert(page.Keys.length <= 60)
    found.push(...page.Keys.map((entry) => entry.KeyId))
    count += 1
  }
  assert.equal(new Set(found).size, found.length)
  assert(made.every((entry) => found.includes(entry.KeyId)) && count >= 5)
}

/** The table for every client; python/kms_refusals.py says how it is to be read. */
async function refusals() {
  const table = JSON.parse(readFileSync(new URL('../refusals.json', import.meta.url), 'utf8'))
  const { Arn, Account } = await identity()
  const region = await kms.config.region()
  const names = { me: Arn, account: Account, account_root: `arn:aws:iam::${Account}:root`, region }
  const inserted = (text) => text.replace(/\$\{(\w+)\}/g, (_, name) => names[name])
  const filled = (value) =>
    JSON.parse(JSON.stringify(value ?? {}), (name, member) => {
      const whole = typeof member === 'string' ? inserted(member) : member
      return ['Plaintext', 'CiphertextBlob'].includes(name) ? Buffer.from(whole, 'base64') : whole
    })
  for (const { call: operation, input, save = {}, times = 1 } of table.setup) {
    let answer
    for (let time = 0; time < times; time += 1) answer = await call(operation, filled(input))
    for (const [name, path] of Object.entries(save)) {
      const value = path.split('.').reduce((object, member) => object[member], answer)
      names[name] = value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
    }
  }
  for (const row of table.refusals) {
    const error = await refused(row.error, call(row.call, filled(row.input)))
    // The SDK's word for an error without a message.
    const unsaid = row.message === '' ? ['', 'UnknownError', row.error] : [inserted(row.message ?? error.message)]
    assert(unsaid.includes(error.message), `${JSON.stringify(row)}: ${error.message}`)
  }
  assert.equal(table.refusals.length, 48)
}

async function who() {
  const { Arn, Account } = await identity()
  assert(Arn.startsWith(`arn:aws:iam::${Account}:`), Arn)
}

async function authentication() {
  const wrong = { accessKeyId: MINE.accessKeyId, secretAccessKey: 'x'.repeat(40) }
  await refused('InvalidSignatureException', call('ListKeys', {}, client({ credentials: wrong })))
  const nobody = { accessKeyId: 'AKIAABCDEFGHIJKLMNOP', secretAccessKey: 'x'.repeat(40) }
  await refused('InvalidSignatureException', call('ListKeys', {}, client({ credentials: nobody })))
  const withToken = client({ credentials: { ...MINE, sessionToken: 'token' } })
  await refused('UnrecognizedClientException', call('ListKeys', {}, withToken))
  await refused('SignatureDoesNotMatch', identity({ credentials: nobody }), 403)
}

async function sessions() {
  const accessKeyId = process.env.SESSION_ACCESS_KEY_ID
  const secretAccessKey = process.env.SESSION_SECRET_ACCESS_KEY
  const credentials = { accessKeyId, secretAccessKey, sessionToken: process.env.SESSION_TOKEN }
  assert.match((await identity({ credentials })).Arn, /:assumed-role\/reader\/clients$/)
  assert((await call('ListKeys', {}, client({ credentials }))).Keys.length > 0)
  await refused('AccessDeniedException', call('CreateKey', {}, client({ credentials })))
  const withoutToken = client({ credentials: { accessKeyId, secretAccessKey } })
  await refused('UnrecognizedClientException', call('ListKeys', {}, withoutToken))
}

async function regions() {
  const made = await key()
  const elsewhere = client({ region: 'eu-central-1' })
  await refused('NotFoundException', call('DescribeKey', { KeyId: made.Arn }, elsewhere))
  const there = (await call('CreateKey', {}, elsewhere)).KeyMetadata
  assert(there.Arn.includes(':kms:eu-central-1:'), there.Arn)
}

/** A server whose CA is not among the trusted ones is not talked to. */
async function trust() {
  const requestHandler = { httpsAgent: new Agent({ ca: rootCertificates }) }
  await assert.rejects(call('ListKeys', {}, client({ requestHandler })), { code: /CERT|SIGNATURE/ })
}

/** On a server whose rates are low. */
async function throttling() {
  const calls = await Promise.allSettled(Array.from({ length: 20 }, () => call('ListKeys')))
  const first = calls.find((outcome) => outcome.status === 'rejected')
  const error = await refused('ThrottlingException', Promise.reject(first.reason))
  assert.match(error.message, /^You have exceeded the rate at which you may call KMS\./)
}

const CASES = {
  create_and_describe, aliases, encrypt_and_decrypt, data_keys, rotation, states, grants, tags, policies, pages,
  refusals, who, authentication, sessions, regions, trust,
}

const named = process.argv.slice(2).map((name) => [name, { throttling, ...CASES }[name]])
for (const [name, test] of named.length > 0 ? named : Object.entries(CASES)) {
  try {
    await test()
  } catch (problem) {
    console.error(problem)
    console.error(`kms.mjs: ${name} failed`)
    process.exit(1)
  }
  console.log(`ok ${name}`)
}

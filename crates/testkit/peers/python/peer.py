"""The Python peer: messages written and read by the official AWS Encryption SDK for Python.

    peer.py write DIR    encrypt every case of DIR/cases.json to DIR/<id>.python.msg
    peer.py read DIR     decrypt every DIR/<id>.msg and compare it with its case

Both leave DIR/results.python.json. The contract, shared with the Node peer, is in ../README.md.
"""

import io
import json
import logging
import sys
from pathlib import Path

import aws_encryption_sdk
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    AesWrappingAlg,
    CreateMultiKeyringInput,
    CreateRawAesKeyringInput,
    CreateRawEcdhKeyringInput,
    CreateRawRsaKeyringInput,
    EphemeralPrivateKeyToStaticPublicKeyInput,
    PaddingScheme,
    PublicKeyDiscoveryInput,
    RawEcdhStaticConfigurationsEphemeralPrivateKeyToStaticPublicKey,
    RawEcdhStaticConfigurationsPublicKeyDiscovery,
    RawEcdhStaticConfigurationsRawPrivateKeyToStaticPublicKey,
    RawPrivateKeyToStaticPublicKeyInput,
)
from aws_cryptographic_material_providers.smithygenerated.aws_cryptography_materialproviders.errors import (
    ServiceError,
)
from aws_cryptography_primitives.smithygenerated.aws_cryptography_primitives.models import ECDHCurveSpec
from aws_encryption_sdk import CommitmentPolicy
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
from aws_encryption_sdk.identifiers import AlgorithmSuite
from aws_encryption_sdk.internal import utils as sdk_utils
from aws_encryption_sdk.internal.defaults import MAX_FRAME_SIZE
from aws_encryption_sdk.key_providers.base import MasterKeyProvider
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

import kms_keyrings

PEER = "python"
CHUNK_BYTES = 1000  # read size of the streaming direction: no multiple of 16, so reads straddle frames
FRAME_LENGTH_UNIT = 128  # what the SDK takes for a frame length's unit: the cipher's block size, in bits
PUBLIC_KEY = "aws-crypto-public-key"  # the context entry that signing suites add

POLICIES = {
    "forbid-encrypt-allow-decrypt": CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT,
    "require-encrypt-allow-decrypt": CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT,
    "require-encrypt-require-decrypt": CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
}
AES_ALGORITHMS = {
    16: AesWrappingAlg.ALG_AES128_GCM_IV12_TAG16,
    24: AesWrappingAlg.ALG_AES192_GCM_IV12_TAG16,
    32: AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
}
RSA_PADDINGS = {
    "pkcs1": PaddingScheme.PKCS1,
    "oaep-sha1": PaddingScheme.OAEP_SHA1_MGF1,
    "oaep-sha256": PaddingScheme.OAEP_SHA256_MGF1,
    "oaep-sha384": PaddingScheme.OAEP_SHA384_MGF1,
    "oaep-sha512": PaddingScheme.OAEP_SHA512_MGF1,
}
CURVES = {
    "p256": ECDHCurveSpec.ECC_NIST_P256,
    "p384": ECDHCurveSpec.ECC_NIST_P384,
    "p521": ECDHCurveSpec.ECC_NIST_P521,
}

PROVIDERS = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())


class Unsupported(Exception):
    """The SDK cannot do what the case asks."""


class Mismatch(Exception):
    """The SDK read the message, and it does not say what the case says."""


# --- keyrings -------------------------------------------------------------------------------------


def looked_up(table, key, what):
    if key not in table:
        raise Unsupported(f"unknown {what} {key!r}")
    return table[key]


def writing_keyring(spec):
    """The keyring that a writer would hold: public keys where they suffice."""
    kind = spec["type"]
    if kind == "raw-aes":
        return aes_keyring(spec)
    if kind == "raw-rsa":
        return rsa_keyring(spec, public_key=spec["public_pem"].encode())
    if kind == "raw-ecdh":
        scheme = spec["scheme"]
        if scheme == "static":
            return static_ecdh_keyring(spec, own="sender", other="recipient")
        if scheme == "ephemeral-discovery":
            return ecdh_keyring(
                spec,
                RawEcdhStaticConfigurationsEphemeralPrivateKeyToStaticPublicKey(
                    EphemeralPrivateKeyToStaticPublicKeyInput(
                        recipient_public_key=der_public(spec["recipient_public_pem"])
                    )
                ),
            )
        raise Unsupported(f"unknown key agreement scheme {scheme!r}")
    if kind == "multi":
        if any(child.get("generator") for child in spec["children"]):
            raise Unsupported("the SDK refuses a multi-keyring with a generator as a child of another")
        generator = spec.get("generator")
        children = [writing_keyring(child) for child in spec["children"]]
        return multi_keyring(generator and writing_keyring(generator), children)
    if kind == "kms":
        return kms_keyrings.writing(spec)
    raise Unsupported(f"unknown keyring type {kind!r}")


def reading_keyrings(spec):
    """Every keyring that must open the message, by name: each key on its own, then all of them together."""
    kind = spec["type"]
    if kind == "raw-aes":
        return {"raw-aes": aes_keyring(spec)}
    if kind == "raw-rsa":
        return {"raw-rsa": rsa_keyring(spec, private_key=spec["private_pem"].encode())}
    if kind == "raw-ecdh":
        scheme = spec["scheme"]
        if scheme == "static":
            return {
                "raw-ecdh recipient": static_ecdh_keyring(spec, own="recipient", other="sender"),
                "raw-ecdh sender": static_ecdh_keyring(spec, own="sender", other="recipient"),
            }
        if scheme == "ephemeral-discovery":
            configuration = RawEcdhStaticConfigurationsPublicKeyDiscovery(
                PublicKeyDiscoveryInput(recipient_static_private_key=spec["recipient_private_pem"].encode())
            )
            return {"raw-ecdh discovery": ecdh_keyring(spec, configuration)}
        raise Unsupported(f"unknown key agreement scheme {scheme!r}")
    if kind == "multi":
        members = {}
        for position, member in enumerate([spec.get("generator"), *spec["children"]]):
            for name, keyring in reading_keyrings(member).items() if member else ():
                members[f"member {position}: {name}"] = keyring
        return {**members, "multi": multi_keyring(None, list(members.values()))}
    if kind == "kms":
        return kms_keyrings.reading(spec)
    raise Unsupported(f"unknown keyring type {kind!r}")


def failing_keyrings(spec):
    """Every keyring that must not open the message, by name."""
    return kms_keyrings.failing(spec) if spec["type"] == "kms" else {}


def argument(keyring):
    """A keyring, or what the SDK had before it had keyrings, as the argument that it is."""
    return {"key_provider" if isinstance(keyring, MasterKeyProvider) else "keyring": keyring}


def aes_keyring(spec):
    key = bytes.fromhex(spec["key"])
    return PROVIDERS.create_raw_aes_keyring(
        CreateRawAesKeyringInput(
            key_namespace=spec["namespace"],
            key_name=spec["name"],
            wrapping_key=key,
            wrapping_alg=looked_up(AES_ALGORITHMS, len(key), "AES key length"),
        )
    )


def rsa_keyring(spec, **keys):
    return PROVIDERS.create_raw_rsa_keyring(
        CreateRawRsaKeyringInput(
            key_namespace=spec["namespace"],
            key_name=spec["name"],
            padding_scheme=looked_up(RSA_PADDINGS, spec["padding"], "RSA padding"),
            **keys,
        )
    )


def static_ecdh_keyring(spec, own, other):
    configuration = RawEcdhStaticConfigurationsRawPrivateKeyToStaticPublicKey(
        RawPrivateKeyToStaticPublicKeyInput(
            sender_static_private_key=spec[f"{own}_private_pem"].encode(),
            recipient_public_key=der_public(spec[f"{other}_public_pem"]),
        )
    )
    return ecdh_keyring(spec, configuration)


def ecdh_keyring(spec, configuration):
    return PROVIDERS.create_raw_ecdh_keyring(
        CreateRawEcdhKeyringInput(
            curve_spec=looked_up(CURVES, spec["curve"], "curve"), key_agreement_scheme=configuration
        )
    )


def multi_keyring(generator, children):
    return PROVIDERS.create_multi_keyring(CreateMultiKeyringInput(generator=generator, child_keyrings=children))


def der_public(pem):
    """A SubjectPublicKeyInfo PEM as DER, which is how the ECDH keyring wants public keys."""
    return load_pem_public_key(pem.encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# --- one case -------------------------------------------------------------------------------------


def write_case(directory, case):
    """Encrypts the case's plaintext; answers with a note when the SDK needed help."""
    client = client_of(case)
    request = {
        **argument(writing_keyring(case["keyring"])),
        "algorithm": suite_of(case),
        "encryption_context": case["context"],
        "frame_length": case["frame_length"],
    }
    plaintext = directory / case["plaintext"]
    message = written_message(directory, case)
    with frame_length_guard(case["frame_length"]) as note:
        if case["stream"]:
            with plaintext.open("rb") as source, message.open("wb") as target:
                with client.stream(mode="encrypt", source=source, **request) as encryptor:
                    copy_in_chunks(encryptor, target.write)
        else:
            ciphertext, _ = client.encrypt(source=plaintext.read_bytes(), **request)
            message.write_bytes(ciphertext)
    return note


def read_case(directory, case):
    """Decrypts the case's message once with every keyring that must open it."""
    client = client_of(case)
    message = directory / f"{case['id']}.msg"
    expected = (directory / case["plaintext"]).read_bytes()
    for name, keyring in reading_keyrings(case["keyring"]).items():
        if case["stream"]:
            with message.open("rb") as source:
                received, header = decrypt_stream(client, source, keyring)
                rest = source.read()
        else:
            source = io.BytesIO(message.read_bytes())
            received, header = client.decrypt(source=source, **argument(keyring))
            rest = source.read()
        check(rest == b"", name, f"{len(rest)} bytes follow the message")  # the SDK itself does not mind
        check(received == expected, name, "the plaintext differs")
        check_header(case, header, name)
    for name, keyring in failing_keyrings(case["keyring"]).items():
        try:
            client.decrypt(source=message.read_bytes(), **argument(keyring))
        except (AWSEncryptionSDKClientError, ServiceError):
            continue
        check(False, name, "it opened the message")
    return None


def decrypt_stream(client, source, keyring):
    received = bytearray()
    with client.stream(mode="decrypt", source=source, **argument(keyring)) as decryptor:
        copy_in_chunks(decryptor, received.extend)
    return bytes(received), decryptor.header


def written_message(directory, case):
    return directory / f"{case['id']}.{PEER}.msg"


def copy_in_chunks(stream, write):
    while chunk := stream.read(CHUNK_BYTES):
        write(chunk)


def check_header(case, header, name):
    suite = f"{header.algorithm.algorithm_id:04x}"
    context = dict(header.encryption_context)
    signed = context.pop(PUBLIC_KEY, None) is not None
    check(suite == case["suite"], name, f"suite {suite}")
    check(header.frame_length == case["frame_length"], name, f"frame length {header.frame_length}")
    check(signed == header.algorithm.is_signing(), name, f"{PUBLIC_KEY} does not fit the suite")
    check(context == case["context"], name, f"encryption context {context!r}")


def check(holds, name, problem):
    if not holds:
        raise Mismatch(f"{name}: {problem}")


def client_of(case):
    if case["frame_length"] > MAX_FRAME_SIZE:
        raise Unsupported(f"the SDK's largest frame length is {MAX_FRAME_SIZE}")
    return aws_encryption_sdk.EncryptionSDKClient(
        commitment_policy=looked_up(POLICIES, case["policy"], "commitment policy")
    )


def suite_of(case):
    try:
        return AlgorithmSuite.get_by_id(int(case["suite"], 16))
    except KeyError:
        raise Unsupported(f"unknown suite {case['suite']}") from None


class frame_length_guard:
    """Lifts the SDK's refusal of frame lengths that are no multiple of 128, for the length of a block.

    The refusal is a check of the caller's argument that takes the cipher's block size in bits for bytes; the
    code that writes frames has no such limit and runs unchanged. A case written so carries a note.
    """

    def __init__(self, frame_length):
        self.lifted = frame_length % FRAME_LENGTH_UNIT != 0

    def __enter__(self):
        self.original = sdk_utils.validate_frame_length
        if self.lifted:
            sdk_utils.validate_frame_length = lambda frame_length, algorithm: None
            return f"the SDK refuses a frame length that is no multiple of {FRAME_LENGTH_UNIT}: check lifted"
        return None

    def __exit__(self, *_):
        sdk_utils.validate_frame_length = self.original


# --- the program ----------------------------------------------------------------------------------


def outcome(work, directory, case):
    try:
        note = work(directory, case)
    except Unsupported as reason:
        return {"status": "unsupported", "reason": str(reason)}
    except Exception as problem:  # whatever the SDK throws is this case's result, not ours
        return {"status": "failed", "reason": f"{type(problem).__name__}: {problem}"}
    return {"status": "ok"} if note is None else {"status": "ok", "note": note}


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in ("write", "read"):
        print("usage: peer.py write|read DIR", file=sys.stderr)
        return 2
    logging.disable(logging.CRITICAL)  # the SDK logs what the results file already says
    mode, directory = arguments[0], Path(arguments[1])
    cases = json.loads((directory / "cases.json").read_text(encoding="utf-8"))
    results = {}
    for case in cases:
        if mode == "write":
            results[case["id"]] = outcome(write_case, directory, case)
            if results[case["id"]]["status"] != "ok":
                written_message(directory, case).unlink(missing_ok=True)  # half a message, or an older run's
        elif (directory / f"{case['id']}.msg").exists():
            results[case["id"]] = outcome(read_case, directory, case)
    text = json.dumps(results, indent=1, ensure_ascii=False)
    (directory / f"results.{PEER}.json").write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Shows that the judge of answers says no: one fault each, planted in a good answer."""

import json
import unittest

import botocore.session

from kms_model import MEDIA_TYPE, Model, paths

KEY_ID = "12345678-1234-1234-1234-123456789012"
GOOD = {
    "KeyMetadata": {
        "KeyId": KEY_ID, "Arn": f"arn:aws:kms:eu-west-1:111122223333:key/{KEY_ID}", "AWSAccountId": "111122223333",
        "CreationDate": 1.7e9, "Enabled": True, "KeyState": "Enabled", "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "PendingDeletionWindowInDays": 7,
    }
}
HEADERS = {"content-type": MEDIA_TYPE, "x-amzn-requestid": KEY_ID}


class TheJudge(unittest.TestCase):
    def setUp(self):
        self.model = Model(botocore.session.get_session().get_service_model("kms"))

    def judged(self, answer, operation="DescribeKey", status=200, headers=HEADERS):
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return self.model.problems(operation, status, headers, body)

    def refuses(self, *arguments, **options):
        self.assertEqual(1, len(self.judged(*arguments, **options)), (arguments, options))

    def test_a_good_answer_is_good(self):
        self.assertEqual([], self.judged(GOOD))
        self.assertEqual({"DescribeKey"}, self.model.succeeded)

    def test_stray_members_at_any_depth(self):
        self.refuses({**GOOD, "Stray": 1})
        self.refuses({"KeyMetadata": {**GOOD["KeyMetadata"], "Stray": None}})
        page = {"Grants": [{"GrantId": "1", "Constraints": {"EncryptionContextSubset": {"a": "b"}}}]}
        self.assertEqual([], self.judged(page, operation="ListGrants"))
        page["Grants"][0]["Constraints"]["Stray"] = {}
        self.refuses(page, operation="ListGrants")

    def test_missing_members(self):
        self.refuses({"KeyMetadata": {"Enabled": True}})

    def test_wrong_types_and_values(self):
        for member, wrong in [
            ("Enabled", "true"), ("Enabled", None), ("CreationDate", "2026-01-01T00:00:00Z"), ("CreationDate", True),
            ("CreationDate", 1.7e12), ("KeyState", "ENABLED"), ("KeyState", 1), ("AWSAccountId", 111122223333),
            ("KeyId", ""), ("EncryptionAlgorithms", "SYMMETRIC_DEFAULT"), ("EncryptionAlgorithms", ["AES"]),
            ("PendingDeletionWindowInDays", 366), ("PendingDeletionWindowInDays", 7.5),
            ("PendingDeletionWindowInDays", True), ("XksKeyConfiguration", []), ("Description", None),
        ]:
            found = self.judged({"KeyMetadata": {**GOOD["KeyMetadata"], member: wrong}})
            self.assertTrue(found, (member, wrong))
            self.assertTrue(all(member in problem for problem in found), found)

    def test_blobs_are_base64(self):
        self.assertEqual([], self.judged({"Plaintext": "aGk="}, operation="Decrypt"))
        for wrong in ("aGk", "aG k=", "_-8=", "", 7, ["aGk="]):
            self.refuses({"Plaintext": wrong}, operation="Decrypt")

    def test_what_is_no_json_object(self):
        for wrong in (b"", b"[]", b"{", b'{"a":NaN}', b'{"KeyMetadata":{},"KeyMetadata":{}}'):
            self.assertTrue(self.judged(wrong), wrong)

    def test_no_output_is_no_output(self):
        for good in (b"", b"{}"):
            self.assertEqual([], self.judged(good, operation="EnableKey"))
        self.refuses({"KeyId": KEY_ID}, operation="EnableKey")

    def test_errors(self):
        def refusal(name, status=400, **members):
            return {"answer": {"__type": name, **members}, "status": status}

        for good in (refusal("NotFoundException", message="no"), refusal("InvalidArnException"),
                     refusal("KMSInternalException", 500), refusal("ValidationException", message="no")):
            self.assertEqual([], self.judged(**good), good)
        for wrong in (refusal("NotFound"), refusal("MalformedPolicyDocumentException"),
                      refusal("NotFoundException", Message="no"), refusal("NotFoundException", message=None),
                      refusal("NotFoundException", stray=""), refusal("NotFoundException", 404),
                      refusal("KMSInternalException", 400), {"answer": {}, "status": 400},
                      {"answer": b"", "status": 400}, {"answer": b"[]", "status": 400}):
            self.refuses(**wrong)
        self.assertIn("InvalidArnException", self.model.refused)

    def test_headers(self):
        self.refuses(GOOD, headers={**HEADERS, "content-type": "application/json"})
        self.refuses(GOOD, headers={"content-type": MEDIA_TYPE})

    def test_members_are_counted(self):
        self.judged(GOOD)
        self.assertIn("KeyMetadata.Enabled", self.model.seen)
        self.assertLess(self.model.seen, self.model.members(["DescribeKey"]))
        self.assertEqual(set(), self.model.members(["EnableKey"]))

    def test_paths(self):
        answer = {"A": {"B": 1}, "C": [{"D": [1]}, {"E": []}], "EncryptionContextSubset": {"k": "v"}}
        self.assertEqual({"A.B", "C[].D", "C[].E", "EncryptionContextSubset"}, paths(answer))


if __name__ == "__main__":
    unittest.main()

//! The keys behind `alias/aws/<service>`: the counterpart of AWS managed keys. One for each service, account and
//! Region, made when its alias is first used and rotated every year.
//!
//! Users don't manage such a key, because its policy has no permission for that, for nobody: management is refused as
//! any other access is. Its use is left to the identity policies of the account. AWS lets such a key be used through its
//! service only, which takes a policy condition.
//!
//! The services are a fixed list, so that a mistyped name makes no key that nobody can delete.

use keyfold_protocol::{AliasName, KeyId, KmsError};

use super::alias;
use super::create::{NewKey, NewKeyTerms};
use super::rotation::Schedule;
use crate::authz::key_policy::KeyPolicy;
use crate::call::{Call, Scope};
use crate::error::{Fault, RecordError};
use crate::principals::account_exists;
use crate::principals::named::UniqueIds;
use crate::root::barrier::Place;

/// The services, each with what its key protects, in AWS's words where they are known ("Default key that protects my S3
/// objects when no other key is defined"). AWS has no public list; these are services whose alias is in its
/// documentation.
pub const SERVICES: &[(&str, &str)] = &[
    ("acm", "ACM private keys"),
    ("backup", "Backup data"),
    ("codecommit", "CodeCommit repositories"),
    ("dynamodb", "DynamoDB data"),
    ("ebs", "EBS volumes"),
    ("elasticfilesystem", "EFS filesystems"),
    ("es", "Elasticsearch data"),
    ("glue", "Glue data"),
    ("kinesis", "Kinesis data"),
    ("kinesisvideo", "kinesis video data"),
    ("lambda", "Lambda functions"),
    ("rds", "RDS database volumes"),
    ("redshift", "Redshift data"),
    ("s3", "S3 objects"),
    ("secretsmanager", "Secrets Manager data"),
    ("sns", "SNS data"),
    ("sqs", "SQS messages"),
    ("ssm", "SSM parameters"),
    ("xray", "X-Ray data"),
];

/// The key behind `name`, which had none a moment ago. It is made now, if `name` is one of a service and the caller is
/// of this account; key, policy and alias in one commit, so that two who do this at the same time get the same key.
pub(crate) async fn ensure(call: &Call<'_>, name: &AliasName) -> Result<Option<KeyId>, KmsError> {
    let Some(service) = name.as_str().strip_prefix(PREFIX) else { return Ok(None) };
    let Some((service, protected)) = SERVICES.iter().find(|(known, _)| *known == service) else {
        return Ok(None);
    };
    if call.is_abroad() || !account_exists(call.barrier, call.home, &call.scope.account).await? {
        return Ok(None);
    }
    match make(call, name, service, protected).await {
        Ok(key_id) => Ok(Some(key_id)),
        Err(Fault::Answer(error)) => Err(error),
        // Somebody else has made it; now it is there.
        Err(Fault::Conflict) => {
            let made = alias::find(call, name).await?.ok_or(RecordError::Contention)?;
            Ok(Some(made.record.target))
        }
    }
}

async fn make(call: &Call<'_>, name: &AliasName, service: &str, protected: &str) -> Result<KeyId, Fault> {
    let mut changes = call.barrier.changes();
    let terms = NewKeyTerms {
        description: format!("Default key that protects my {protected} when no other key is defined"),
        managed_for: Some(service.to_owned()),
        schedule: Some(Schedule { period_days: PERIOD_DAYS, since: call.now }),
    };
    let key = NewKey::add(call, &mut changes, terms)?;
    let policy = KeyPolicy { document: policy(call.scope, service), principals: UniqueIds::new() };
    changes.create(Place::key_policy(call.scope, &key.id), &policy)?;
    alias::create(&mut changes, (call.barrier, call.scope), name, &key.id, None, call.now)?;
    changes.commit().await?;
    Ok(key.id)
}

/// The policy of such a key: use and a look at it, to whom identity policies of the account allow that.
fn policy(scope: &Scope, service: &str) -> String {
    let Scope { partition, account, .. } = scope;
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "auto-{service}-1",
  "Statement" : [ {{
    "Sid" : "Allow use to all principals in the account that identity policies allow it to",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey" ],
    "Resource" : "*"
  }}, {{
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*" ],
    "Resource" : "*"
  }} ]
}}"#
    )
}

/// What the names of all such aliases start with ([`AliasName::is_reserved`]).
const PREFIX: &str = "alias/aws/";
/// API reference: EnableKeyRotation on AWS managed keys, since May 2022.
const PERIOD_DAYS: u16 = 365;

//! Each source of credentials: what it is asked, what it gives, and what it says when it does not.

use keyfold_client::{Client, RequestError};
use keyfold_protocol::operations::DescribeKeyRequest;
use keyfold_protocol::sigv4::Service;
use keyfold_protocol::{KmsError, KmsExt as _};

use crate::harness::{ACCESS_KEY_ID, Asked, Fake, NOW_MS, Reply, SECRET, Settings};
use crate::requests::verified;

const KEY: &str = r#"{"KeyMetadata":{"KeyId":"k"}}"#;
const KEYS: &str = "aws_access_key_id = AKIDPROFILE\naws_secret_access_key = of-profile\n";
const FAR: &str = "2026-11-22T18:00:00Z";

async fn describe(client: &Client) -> Result<(), KmsError> {
    client.send(DescribeKeyRequest::new("alias/a")).await.map(|_| ())
}

/// Who signs, when a request is made with these settings.
async fn signer(settings: Settings) -> String {
    let kms = Fake::new([Reply::ok(KEY)]).await;
    describe(&settings.endpoint(&kms.url()).client()).await.unwrap();
    access_key_id(&kms.asked()[0])
}

fn access_key_id(asked: &Asked) -> String {
    let (_, rest) = asked.header("authorization").unwrap().split_once("Credential=").unwrap();
    rest.split_once('/').unwrap().0.to_owned()
}

/// What keeps a request with these settings from being sent.
async fn failure(settings: Settings) -> String {
    let kms = Fake::new([]).await;
    let error = describe(&settings.endpoint(&kms.url()).client()).await.unwrap_err();
    assert!(kms.asked().is_empty(), "nothing was sent without credentials");
    assert!(std::error::Error::source(&error).unwrap().downcast_ref::<RequestError>().is_some(), "{error:?}");
    error.to_string()
}

fn region() -> Settings {
    Settings::none().set("AWS_REGION", "eu-central-1")
}

fn sts_answer(id: &str, expiration: &str) -> Reply {
    Reply::ok(format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>{id}</AccessKeyId><SecretAccessKey>of-role</SecretAccessKey><SessionToken>token==</SessionToken>\
         <Expiration>{expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    ))
}

fn document(id: &str) -> Reply {
    Reply::ok(format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"s","Token":"t","Expiration":"{FAR}"}}"#
    ))
}

#[tokio::test]
async fn the_environment_with_a_session_token() {
    let kms = Fake::new([Reply::ok(KEY)]).await;
    let client = Settings::usual().set("AWS_SESSION_TOKEN", "token==").endpoint(&kms.url()).client();
    describe(&client).await.unwrap();
    let asked = &kms.asked()[0];
    assert_eq!(asked.header("x-amz-security-token"), Some("token=="));
    assert!(verified(asked, &Service::KMS, SECRET, Some("token=="), NOW_MS).is_some());
}

#[tokio::test]
async fn half_an_access_key_is_an_error_and_no_other_source_is_tried() {
    let settings = region().file(".aws/credentials", &format!("[default]\n{KEYS}"));
    let settings = settings.set("AWS_ACCESS_KEY_ID", "AKID");
    assert_eq!(settings.fault(), "the environment has no AWS_SECRET_ACCESS_KEY");
    let settings = region().file(".aws/credentials", "[default]\naws_secret_access_key = x");
    assert_eq!(settings.fault(), "the profile default has no aws_access_key_id");
    let settings = region().set("AWS_ACCESS_KEY_ID", "AK/ID").set("AWS_SECRET_ACCESS_KEY", "hunter2");
    assert_eq!(settings.fault(), "the environment: not an access key id");
}

#[tokio::test]
async fn none_at_all() {
    let expected = "there are no AWS credentials: not in the environment, not in the profile default, and none from a \
                    container or an instance";
    assert_eq!(region().fault(), expected);
    // An instance's metadata service that is not there is no error of its own.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let settings =
        region().set("AWS_EC2_METADATA_DISABLED", "false").set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url);
    assert_eq!(failure(settings).await, expected);
}

#[tokio::test]
async fn profiles() {
    let file =
        format!("[default]\n{KEYS}[other]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = x\n");
    let settings = || region().file(".aws/credentials", &file);
    assert_eq!(signer(settings()).await, "AKIDPROFILE");
    assert_eq!(signer(settings().set("AWS_PROFILE", "other")).await, "AKIDOTHER");
    // What `credentials` says goes before what `config` says.
    let config = "[default]\naws_access_key_id = AKIDCONFIG\naws_secret_access_key = x\n";
    assert_eq!(signer(settings().file(".aws/config", config)).await, "AKIDPROFILE");
    // The environment goes before a profile, unless the caller names one.
    let both = || settings().set("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID).set("AWS_SECRET_ACCESS_KEY", SECRET);
    assert_eq!(signer(both().set("AWS_PROFILE", "other")).await, ACCESS_KEY_ID);
    let mut named = both();
    named.options.profile = Some("other".to_owned());
    assert_eq!(signer(named).await, "AKIDOTHER");
    assert_eq!(settings().set("AWS_PROFILE", "nobody").fault(), "there is no profile nobody");
    // Files elsewhere.
    let settings = region().file("mine", &format!("[default]\n{KEYS}"));
    assert_eq!(signer(settings.set("AWS_SHARED_CREDENTIALS_FILE", "~/mine")).await, "AKIDPROFILE");
    let settings = region().file(".aws/config", "[default]\nregion\n");
    assert!(settings.fault().ends_with(".aws/config, line 2: a property must look like NAME = VALUE"));
}

#[tokio::test]
async fn a_role_is_assumed_with_the_keys_of_another_profile_and_once() {
    let sts = Fake::new([sts_answer("ASIAROLE", FAR)]).await;
    let kms = Fake::new([Reply::ok(KEY), Reply::ok(KEY)]).await;
    let config = "[profile ops]\nrole_arn = arn:aws:iam::111122223333:role/ops\nsource_profile = base\n\
                  external_id = x y\nrole_session_name = me\nduration_seconds = 900\n";
    let client = region()
        .file(".aws/config", config)
        .file(".aws/credentials", &format!("[base]\n{KEYS}"))
        .set("AWS_PROFILE", "ops")
        .set("AWS_ENDPOINT_URL_STS", &sts.url())
        .endpoint(&kms.url())
        .client();
    describe(&client).await.unwrap();
    describe(&client).await.unwrap();

    let [asked] = &sts.asked()[..] else { panic!("asked once") };
    assert_eq!(
        asked.text(),
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fops\
         &RoleSessionName=me&DurationSeconds=900&ExternalId=x%20y"
    );
    assert!(verified(asked, &Service::STS, "of-profile", None, NOW_MS).is_some());
    for asked in kms.asked() {
        assert!(verified(&asked, &Service::KMS, "of-role", Some("token=="), NOW_MS).is_some());
    }
}

#[tokio::test]
async fn credentials_are_fetched_anew_before_they_expire_and_used_to_their_end_if_that_fails() {
    // Four minutes left: too few to rely on, and good still.
    let soon = "2026-11-22T12:04:00Z";
    let sts = Fake::new([sts_answer("ASIA1", soon), sts_answer("ASIA2", soon)]).await;
    let kms = Fake::new(vec![Reply::ok(KEY); 3]).await;
    let client = region()
        .file(".aws/config", "[default]\nrole_arn = arn:r\ncredential_source = Environment\n")
        .set("AWS_ENDPOINT_URL_STS", &sts.url())
        .set("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .set("AWS_SECRET_ACCESS_KEY", SECRET);
    let mut client = client.endpoint(&kms.url());
    client.options.profile = Some("default".to_owned());
    let client = client.client();
    for _ in 0..3 {
        describe(&client).await.unwrap();
    }
    // Two answers, and a refusal (status 418) that did not matter.
    assert_eq!(sts.asked().len(), 3);
    assert_eq!(kms.asked().iter().map(access_key_id).collect::<Vec<_>>(), ["ASIA1", "ASIA2", "ASIA2"]);
}

#[tokio::test]
async fn expired_credentials_are_not_used() {
    let sts = Fake::new([sts_answer("ASIA1", "2026-11-22T12:00:00Z")]).await;
    let kms = Fake::new(vec![Reply::ok(KEY); 2]).await;
    let settings = region()
        .file(".aws/config", "[default]\nrole_arn = arn:r\nsource_profile = default\n")
        .file(".aws/credentials", &format!("[default]\n{KEYS}"))
        .set("AWS_ENDPOINT_URL_STS", &sts.url());
    let client = settings.endpoint(&kms.url()).client();
    describe(&client).await.unwrap();
    assert!(
        describe(&client)
            .await
            .unwrap_err()
            .to_string()
            .starts_with("the token service (STS) gave no credentials")
    );
}

#[tokio::test]
async fn a_token_service_that_refuses_or_fails() {
    let settings = |sts: &Fake| {
        region()
            .file(".aws/config", "[default]\nrole_arn = arn:r\nsource_profile = default\n")
            .file(".aws/credentials", &format!("[default]\n{KEYS}"))
            .set("AWS_ENDPOINT_URL_STS", &sts.url())
    };
    let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: x is not \
                   authorized to perform: sts:AssumeRole on &quot;r&quot;</Message></Error></ErrorResponse>";
    let sts = Fake::new([Reply::status(403, refusal)]).await;
    assert_eq!(
        failure(settings(&sts)).await,
        "the token service (STS) gave no credentials: AccessDenied: User: x is not authorized to perform: \
         sts:AssumeRole on \"r\""
    );
    assert_eq!(sts.asked().len(), 1);
    let sts = Fake::new([Reply::status(503, ""), Reply::Close, sts_answer("ASIA", FAR)]).await;
    assert_eq!(signer(settings(&sts)).await, "ASIA");
    let sts = Fake::new([Reply::ok("<html/>")]).await;
    assert_eq!(failure(settings(&sts)).await, "the token service (STS) has no SessionToken");
}

#[tokio::test]
async fn web_identity() {
    let settings = |sts: &Fake| {
        let settings = region().file("token", "e.y.J\n");
        let file = settings.home.path().join("token").to_str().unwrap().to_owned();
        settings.set("AWS_WEB_IDENTITY_TOKEN_FILE", &file).set("AWS_ENDPOINT_URL_STS", &sts.url())
    };
    let sts = Fake::new([sts_answer("ASIAWEB", FAR)]).await;
    let of_environment = settings(&sts).set("AWS_ROLE_ARN", "arn:r").set("AWS_ROLE_SESSION_NAME", "me");
    assert_eq!(signer(of_environment).await, "ASIAWEB");
    let asked = &sts.asked()[0];
    assert_eq!(
        asked.text(),
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Ar&RoleSessionName=me&WebIdentityToken=e.y.J"
    );
    assert_eq!(asked.header("authorization"), None);

    let sts = Fake::new([sts_answer("ASIAWEB", FAR)]).await;
    let of_profile = settings(&sts)
        .file(".aws/config", "[default]\nrole_arn = arn:r\nweb_identity_token_file = ~/token\n");
    assert_eq!(signer(of_profile).await, "ASIAWEB");
    assert!(sts.asked()[0].text().contains("&RoleSessionName=keyfold-1795348800000&"));

    let gone = region().set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token").set("AWS_ROLE_ARN", "arn:r");
    assert_eq!(failure(gone).await, "can't read the token file /nowhere/token: no such file or directory");
}

#[tokio::test]
async fn a_process() {
    let process =
        |command: &str| region().file(".aws/config", &format!("[default]\ncredential_process = {command}\n"));
    let json = r#"{"Version":1,"AccessKeyId":"AKIDPROCESS","SecretAccessKey":"s"}"#;
    assert_eq!(signer(process(&format!("echo '{json}'"))).await, "AKIDPROCESS");
    for (command, expected) in [
        ("echo hunter2", "did not print credentials in JSON of version 1"),
        ("echo '{\"Version\":2}'", "did not print credentials in JSON of version 1"),
        ("exit 3", "failed: exit status: 3"),
        ("yes", "did not print credentials in JSON of version 1"),
    ] {
        let expected = format!("the credential_process of the profile default {expected}");
        assert_eq!(failure(process(command)).await, expected);
    }
    let half = process("echo '{\"Version\":1,\"AccessKeyId\":\"A\"}'");
    assert_eq!(failure(half).await, "the profile default has no SecretAccessKey");
}

#[tokio::test]
async fn a_container() {
    let service = Fake::new([document("ASIACONTAINER")]).await;
    let url = format!("{}/v1/credentials", service.url());
    let settings = region().set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url);
    assert_eq!(signer(settings.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me in")).await, "ASIACONTAINER");
    let asked = &service.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/v1/credentials"));
    assert_eq!(asked.header("authorization"), Some("let me in"));

    let service = Fake::new([Reply::status(500, ""), document("ASIACONTAINER")]).await;
    let settings =
        region().file("token", "from a file\n").set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url());
    let file = settings.home.path().join("token").to_str().unwrap().to_owned();
    assert_eq!(signer(settings.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)).await, "ASIACONTAINER");
    assert_eq!(service.asked()[1].header("authorization"), Some("from a file"));

    let service = Fake::new([Reply::status(404, "SECRET")]).await;
    let settings = region().set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url());
    let url = service.url();
    assert_eq!(
        failure(settings).await,
        format!(
            "the container's credential service gave no credentials: {url} gave an answer that means nothing here \
             (HTTP status 404)"
        )
    );
}

#[tokio::test]
async fn a_container_elsewhere_is_not_asked_in_the_open() {
    let fault = |url| region().set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url).fault();
    for url in [
        "http://example.org/x",
        "http://169.254.169.254/x",
        "http://10.0.0.1",
        "http://169.254.170.2.example.org",
    ] {
        assert_eq!(
            fault(url),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI: plain http:// is for this machine and the metadata addresses of AWS \
             alone"
        );
    }
    for url in [
        "http://169.254.170.2/x",
        "http://169.254.170.23/x",
        "http://[fd00:ec2::23]/x",
        "https://example.org/x",
    ] {
        assert!(region().set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url).config().is_ok(), "{url}");
    }
    assert!(region().set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x").config().is_ok());
    assert!(region().set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@example.org/x").config().is_err());
    assert!(region().set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", ".example.org/x").config().is_err());
}

#[tokio::test]
async fn an_instance() {
    let settings = |service: &Fake| {
        region()
            .set("AWS_EC2_METADATA_DISABLED", "false")
            .set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &service.url())
    };
    let service = Fake::new([Reply::ok("token"), Reply::ok("the-role\n"), document("ASIAINSTANCE")]).await;
    assert_eq!(signer(settings(&service)).await, "ASIAINSTANCE");
    let asked = service.asked();
    let lines: Vec<_> = asked.iter().map(|it| format!("{} {}", it.method, it.path)).collect();
    assert_eq!(
        lines,
        [
            "PUT /latest/api/token",
            "GET /latest/meta-data/iam/security-credentials/",
            "GET /latest/meta-data/iam/security-credentials/the-role",
        ]
    );
    assert_eq!(asked[0].header("x-aws-ec2-metadata-token-ttl-seconds"), Some("21600"));
    assert!(asked[1..].iter().all(|it| it.header("x-aws-ec2-metadata-token") == Some("token")));

    let service = Fake::new([Reply::ok("token"), Reply::status(404, "")]).await;
    assert!(
        failure(settings(&service))
            .await
            .starts_with("the instance's metadata service gave no credentials: ")
    );
    let service = Fake::new([
        Reply::ok("token"),
        Reply::ok("r"),
        Reply::ok(r#"{"Code":"AssumeRoleUnauthorizedAccess"}"#),
    ]);
    assert_eq!(
        failure(settings(&service.await)).await,
        "the instance's metadata service gave no credentials: AssumeRoleUnauthorizedAccess"
    );
    let fault = region()
        .set("AWS_EC2_METADATA_DISABLED", "false")
        .set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://example.org")
        .fault();
    assert!(fault.contains("plain http:// is for this machine alone"), "{fault}");
}

/// The cases that the SDKs share ("assume-role-tests"), where they are about what a profile means.
#[test]
fn what_a_profile_means() {
    let role = "role_arn = arn:aws:iam::123456789:role/RoleA\n";
    let source = |config: &str| {
        let settings = region().file(".aws/config", config);
        let result = settings.set("AWS_PROFILE", "A").config().map(|config| format!("{config:?}"));
        result.map_err(|error| error.to_string())
    };
    for (config, expected) in [
        (
            format!("[profile A]\n{role}source_profile=B\n[profile B]\n{KEYS}"),
            &["AssumeRole", "AKIDPROFILE"][..],
        ),
        (
            format!(
                "[profile A]\n{role}source_profile=B\naws_access_key_id=X\naws_secret_access_key=X\n[profile B]\n{KEYS}"
            ),
            &["AKIDPROFILE"],
        ),
        (format!("[profile A]\n{role}source_profile=A\n{KEYS}"), &["AKIDPROFILE", "AssumeRole"]),
        (
            format!(
                "[profile A]\n{role}source_profile=B\n[profile B]\n{role}source_profile=C\n[profile C]\n{KEYS}"
            ),
            &["base: AssumeRole(AssumeRole { base: Static"],
        ),
        (
            format!("[profile A]\n{role}source_profile=B\n[profile B]\nrole_arn=b\nsource_profile=C\n{KEYS}"),
            &["AssumeRole { base: Static", "AKIDPROFILE"],
        ),
        (
            format!("[profile A]\n{role}source_profile=B\n[profile B]\n{role}web_identity_token_file=/t\n"),
            &["base: WebIdentity", "/t"],
        ),
    ] {
        let found = source(&config).unwrap();
        assert!(expected.iter().all(|part| found.contains(part)), "{config}: {found}");
    }
    for (config, expected) in [
        (role.to_owned(), "the profile A has role_arn, and neither source_profile nor credential_source"),
        (
            format!("{role}credential_source=Environment\nsource_profile=B\n"),
            "the profile A has both source_profile and credential_source",
        ),
        (
            format!("{role}source_profile=B\n"),
            "the profile B is the source_profile of another one, and is not there",
        ),
        (format!("{role}source_profile=B\n[profile B]\n"), "the profile B has no credentials"),
        (
            format!("{role}source_profile=B\n[profile B]\naws_access_key_id=x\n"),
            "the profile B has no aws_secret_access_key",
        ),
        (
            format!("{role}source_profile=B\n{KEYS}[profile B]\n{role}source_profile=A\n"),
            "the profile A is in a circle of source_profile",
        ),
        (format!("{role}source_profile=A\n"), "the profile A is in a circle of source_profile"),
        (
            "web_identity_token_file=/t\n".to_owned(),
            "the profile A has web_identity_token_file and no role_arn",
        ),
        (
            format!("{role}credential_source=Moon\n"),
            "the profile A has a credential_source other than Environment, Ec2InstanceMetadata and EcsContainer",
        ),
        (
            format!("{role}credential_source=Environment\n"),
            "the profile A has a credential_source that is not set up here",
        ),
        (
            format!("{role}source_profile=B\nmfa_serial=x\n"),
            "the profile A has mfa_serial, and codes are not asked for here",
        ),
        (
            format!("{role}source_profile=A\nduration_seconds=long\n"),
            "the profile A has a duration_seconds that is not a number",
        ),
        ("sso_session = x\n".to_owned(), "the profile A uses sso_session, which is not supported here"),
    ] {
        assert_eq!(source(&format!("[profile A]\n{config}")).unwrap_err(), expected);
    }
}

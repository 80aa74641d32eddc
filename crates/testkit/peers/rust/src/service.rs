//! Clients of the service in the environment, which trust its CA and nothing else, and never try again.

use std::env::var;
use std::fmt::Debug;

use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::operation::RequestId as _;
use aws_sdk_kms::types::KeyMetadata;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

/// The developer, in the Region of the environment.
pub fn kms() -> aws_sdk_kms::Client {
    kms_of(mine())
}

/// A client with other credentials.
pub fn kms_of(credentials: Credentials) -> aws_sdk_kms::Client {
    aws_sdk_kms::Client::from_conf(config(credentials).build())
}

/// All that a client is made of; the rest is for the caller to change.
pub fn config(credentials: Credentials) -> aws_sdk_kms::config::Builder {
    aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(var("AWS_REGION").unwrap()))
        .endpoint_url(var("AWS_ENDPOINT_URL_KMS").unwrap())
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .http_client(https(TrustStore::empty().with_pem_certificate(ca())))
}

pub fn sts(credentials: Credentials) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .region(aws_sdk_sts::config::Region::new(var("AWS_REGION").unwrap()))
        .endpoint_url(var("AWS_ENDPOINT_URL_STS").unwrap())
        .credentials_provider(credentials)
        .retry_config(aws_sdk_sts::config::retry::RetryConfig::disabled())
        .http_client(https(TrustStore::empty().with_pem_certificate(ca())))
        .build();
    aws_sdk_sts::Client::from_conf(config)
}

pub fn mine() -> Credentials {
    credentials(&var("AWS_ACCESS_KEY_ID").unwrap(), &var("AWS_SECRET_ACCESS_KEY").unwrap(), None)
}

/// Those of a user without policies.
pub fn grantee() -> Credentials {
    credentials(&var("GRANTEE_ACCESS_KEY_ID").unwrap(), &var("GRANTEE_SECRET_ACCESS_KEY").unwrap(), None)
}

pub fn credentials(id: &str, secret: &str, token: Option<&str>) -> Credentials {
    let mut made =
        Credentials::builder().access_key_id(id).secret_access_key(secret).provider_name("environment");
    made.set_session_token(token.map(str::to_owned));
    made.build()
}

pub fn https(trusted: TrustStore) -> aws_sdk_kms::config::SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(TlsContext::builder().with_trust_store(trusted).build().unwrap())
        .build_https()
}

fn ca() -> Vec<u8> {
    std::fs::read(var("AWS_CA_BUNDLE").unwrap()).unwrap()
}

/// A new key.
pub async fn key(kms: &aws_sdk_kms::Client) -> KeyMetadata {
    kms.create_key().send().await.unwrap().key_metadata.unwrap()
}

/// Awaits a request that must be refused with the error of this name, and with the SDK's own variant for it (`is_…`)
/// where it has one; gives the message.
macro_rules! refused {
    ($request:expr, $name:literal $(, $is_variant:ident)?) => {{
        let error = $request.send().await.expect_err(concat!($name, " was expected"));
        $(assert!(error.as_service_error().unwrap().$is_variant(), "{error:?}");)?
        crate::service::refusal(&error, error.raw_response().unwrap(), $name)
    }};
}
pub(crate) use refused;

/// Checks name, status and request id of an error; gives its message.
pub fn refusal(error: &(impl ProvideErrorMetadata + Debug), response: &HttpResponse, name: &str) -> String {
    assert_eq!(error.code(), Some(name), "{error:?}");
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(error.meta().request_id().unwrap().len(), 36);
    error.message().unwrap_or_default().to_owned()
}

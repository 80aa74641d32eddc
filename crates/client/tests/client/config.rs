//! Where the service is and whom to trust: options before environment before profile.

use keyfold_client::Endpoint;

use crate::harness::Settings;

fn endpoint(settings: &Settings) -> Option<String> {
    settings.config().unwrap().endpoint().map(Endpoint::to_string)
}

#[test]
fn the_endpoint_is_the_first_that_is_configured() {
    let config = "[default]\nendpoint_url = https://profile\nservices = s\n[services s]\nkms =\n endpoint_url = https://services\n";
    let mut settings = Settings::usual().file(".aws/config", config);
    assert_eq!(endpoint(&settings).unwrap(), "https://services");
    assert!(!settings.environment().has_endpoint().unwrap());
    settings = settings.set("AWS_ENDPOINT_URL", "https://environment");
    assert_eq!(endpoint(&settings).unwrap(), "https://environment");
    settings = settings.set("AWS_ENDPOINT_URL_KMS", "https://environment-kms");
    assert_eq!(endpoint(&settings).unwrap(), "https://environment-kms");
    assert!(settings.environment().has_endpoint().unwrap());
    settings = settings.set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE");
    assert_eq!(endpoint(&settings), None);
    assert!(!settings.environment().has_endpoint().unwrap());
    settings = settings.endpoint("https://option");
    assert_eq!(endpoint(&settings).unwrap(), "https://option");

    let settings = Settings::usual().file(".aws/config", "[default]\nendpoint_url = https://profile\n");
    assert_eq!(endpoint(&settings).unwrap(), "https://profile");
    assert_eq!(endpoint(&Settings::usual()), None);
}

#[test]
fn the_region_is_the_first_that_is_configured() {
    let region = |settings: &Settings| settings.config().unwrap().region().to_string();
    let mut settings = Settings::none()
        .set("AWS_ACCESS_KEY_ID", "A")
        .set("AWS_SECRET_ACCESS_KEY", "s")
        .file(".aws/config", "[default]\nregion = eu-west-1\n");
    assert_eq!(region(&settings), "eu-west-1");
    settings = settings.set("AWS_DEFAULT_REGION", "eu-west-2");
    assert_eq!(region(&settings), "eu-west-2");
    settings = settings.set("AWS_REGION", "eu-west-3");
    assert_eq!(region(&settings), "eu-west-3");
    settings.options.region = Some("eu-north-1".to_owned());
    assert_eq!(region(&settings), "eu-north-1");
    settings.options.region = Some("EU North".to_owned());
    assert_eq!(settings.fault(), "EU North is not a Region");
    assert_eq!(Settings::none().fault(), "no Region is set");
}

#[test]
fn a_region_that_is_not_of_aws_needs_an_endpoint() {
    let settings = Settings::usual().set("AWS_REGION", "local");
    assert_eq!(settings.fault(), "local is not a Region of AWS");
    assert!(settings.endpoint("https://127.0.0.1:7443").config().is_ok());
}

#[test]
fn plain_http_is_for_this_machine() {
    let fault = Settings::usual().endpoint("http://kms.example.org").fault();
    assert_eq!(
        fault,
        "the endpoint http://kms.example.org: plain http:// is for this machine alone (localhost, 127.0.0.1, [::1])"
    );
    let fault = Settings::usual().set("AWS_ENDPOINT_URL_STS", "http://sts.example.org").fault();
    assert!(fault.contains("plain http:// is for this machine alone"), "{fault}");
    assert_eq!(
        Settings::usual().set("AWS_ENDPOINT_URL", "kms.example.org").fault(),
        "the endpoint kms.example.org: it must look like https://HOST[:PORT]"
    );
}

#[test]
fn a_password_in_an_endpoint_is_never_shown() {
    let nobody =
        || Settings::none().set("AWS_REGION", "eu-central-1").set("AWS_EC2_METADATA_DISABLED", "false");
    for (url, shown) in [
        ("https://user:hunter2@kms.example.org", "https://***@kms.example.org"),
        ("http://hunter2@kms.example.org", "http://***@kms.example.org"),
        ("https://user:hunter2@hunter2/@kms.example.org/x", "https://***@kms.example.org/x"),
        ("https://user:hunter2 /?#@kms.example.org", "https://***@kms.example.org"),
        ("user:hunter2@kms.example.org", "***@kms.example.org"),
    ] {
        for settings in [
            Settings::usual().endpoint(url),
            Settings::usual().set("AWS_ENDPOINT_URL", url),
            Settings::usual().set("AWS_ENDPOINT_URL_STS", url),
            nobody().set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
            nobody().set("AWS_EC2_METADATA_SERVICE_ENDPOINT", url),
            Settings::usual().file(".aws/config", &format!("[default]\nendpoint_url = {url}\n")),
        ] {
            let error = settings.config().unwrap_err();
            let expected = format!("the endpoint {shown}: it must look like https://HOST[:PORT]");
            assert_eq!(error.to_string(), expected);
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }
}

#[test]
fn a_bundle_is_trusted_alone_and_must_have_certificates() {
    let fault = |settings: Settings| {
        let error = keyfold_client::Client::new(
            settings.config().unwrap(),
            std::sync::Arc::new(crate::harness::FixedClock),
        );
        error.unwrap_err().to_string()
    };
    assert_eq!(
        fault(Settings::usual().set("AWS_CA_BUNDLE", "/nowhere/ca.pem")),
        "can't read /nowhere/ca.pem"
    );
    for text in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let settings = Settings::usual().file("ca.pem", text).set("AWS_CA_BUNDLE", "~/ca.pem");
        assert!(fault(settings).ends_with("ca.pem has no certificate in PEM"), "{text}");
    }
    let settings = Settings::usual().file(".aws/config", "[default]\nca_bundle = /nowhere/profile.pem\n");
    assert_eq!(fault(settings), "can't read /nowhere/profile.pem");
    let mut settings = Settings::usual().set("AWS_CA_BUNDLE", "/nowhere/environment.pem");
    settings.options.ca_bundle = Some("/nowhere/option.pem".into());
    assert_eq!(fault(settings), "can't read /nowhere/option.pem");
}

#[test]
fn what_is_set_to_nothing_is_not_set_and_flags_are_true_or_false() {
    let settings = Settings::usual().set("AWS_ENDPOINT_URL", "").set("AWS_PROFILE", "");
    assert_eq!(endpoint(&settings), None);
    let fault = Settings::usual().set("AWS_USE_FIPS_ENDPOINT", "yes").fault();
    assert_eq!(fault, "AWS_USE_FIPS_ENDPOINT is neither true nor false");
}

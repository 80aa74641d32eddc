//! The KMS keyrings over the embedded key service: which calls leave, for which key, and what an answer must be.

use std::sync::{Arc, Mutex};

use keyfold::{
    Client, EncryptionContext,
    keyring::{DiscoveryFilter, KeyName, KmsDiscoveryKeyring, KmsKeyring, MultiKeyring, RawAesKeyring},
    message::inspect,
};
use keyfold_kms::{Embedded, RootOfTrust, SystemClock};
use keyfold_protocol::{
    BoxFuture, Kms, KmsError, KmsExt,
    operations::{CreateKeyRequest, DisableKeyRequest, Request, Response, RotateKeyOnDemandRequest},
};
use pollster::block_on;
use tempfile::TempDir;

/// An embedded key service that remembers what it was asked, and can be told to lie about its keys.
struct Recorder {
    service: Embedded,
    calls: Mutex<Vec<String>>,
    answers_as: Option<String>,
    _home: TempDir,
}

impl Recorder {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let opened = Embedded::open_or_create(home.path(), &RootOfTrust::KeyFile, Arc::new(SystemClock));
        let service = block_on(opened).unwrap();
        Self { service, calls: Mutex::default(), answers_as: None, _home: home }
    }

    fn create_key(&self) -> String {
        block_on(self.service.send(CreateKeyRequest::new())).unwrap().key_metadata.arn.unwrap()
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

impl Kms for Recorder {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        let (key, context) = match &request {
            Request::GenerateDataKey(request) => (Some(&request.key_id), request.encryption_context.clone()),
            Request::Encrypt(request) => (Some(&request.key_id), request.encryption_context.clone()),
            Request::Decrypt(request) => (request.key_id.as_ref(), request.encryption_context.clone()),
            other => panic!("{:?} is not a keyring's business", other.operation()),
        };
        assert_eq!(
            context.and_then(|context| context.get("tenant").map(str::to_owned)).as_deref(),
            Some("acme")
        );
        let key = key.expect("every call names the key").clone();
        self.calls.lock().unwrap().push(format!("{} {key}", request.operation()));
        Box::pin(async move {
            let mut response = self.service.call(request).await?;
            if let Some(arn) = &self.answers_as {
                match &mut response {
                    Response::GenerateDataKey(response) => response.key_id.clone_from(arn),
                    Response::Decrypt(response) => response.key_id.clone_from(arn),
                    _ => {}
                }
            }
            Ok(response)
        })
    }
}

fn context() -> EncryptionContext {
    EncryptionContext::from_iter([("tenant", "acme")])
}

fn strict(kms: &Arc<Recorder>, key: &str) -> KmsKeyring<Arc<Recorder>> {
    KmsKeyring::new(Arc::clone(kms), key)
}

#[test]
fn strict_uses_its_key_and_no_other() {
    let kms = Arc::new(Recorder::new());
    let (first, second, third) = (kms.create_key(), kms.create_key(), kms.create_key());
    let keyring =
        MultiKeyring::new(Some(Arc::new(strict(&kms, &first))), vec![Arc::new(strict(&kms, &second))]);
    let message = block_on(Client::new(keyring).encrypt(b"x", &context())).unwrap();
    assert_eq!(kms.calls(), [format!("GenerateDataKey {first}"), format!("Encrypt {second}")]);
    let header = inspect(&message, Default::default()).unwrap();
    let arns: Vec<_> = header.encrypted_data_keys().iter().map(|edk| edk.to_string()).collect();
    assert_eq!(arns, [format!("aws-kms {first}"), format!("aws-kms {second}")]);

    for key in [&first, &second] {
        let reader = Client::new(strict(&kms, key));
        assert_eq!(block_on(reader.decrypt(&message, &context())).unwrap().plaintext, b"x");
        assert_eq!(kms.calls(), [format!("Decrypt {key}")]);
    }
    let error = block_on(Client::new(strict(&kms, &third)).decrypt(&message, &context())).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("2 encrypted data keys, none of them mine: aws-kms {first}, aws-kms {second}")
    );
    assert!(kms.calls().is_empty(), "no call leaves for a key that is not trusted");
}

#[test]
fn errors_of_the_service_come_through() {
    let kms = Arc::new(Recorder::new());
    let key = kms.create_key();
    let client = Client::new(strict(&kms, &key));
    let message = block_on(client.encrypt(b"x", &context())).unwrap();
    block_on(kms.service.send(RotateKeyOnDemandRequest::new(&key))).unwrap();
    assert!(block_on(client.decrypt(&message, &context())).is_ok(), "old material decrypts");
    block_on(kms.service.send(DisableKeyRequest::new(&key))).unwrap();
    let error = block_on(client.decrypt(&message, &context())).unwrap_err().to_string();
    assert!(error.contains(&format!("DisabledException: {key} is disabled.")), "{error}");
    let error = block_on(client.encrypt(b"x", &context())).unwrap_err().to_string();
    assert!(error.contains("is disabled."), "{error}");
}

#[test]
fn an_alias_encrypts_and_says_why_it_does_not_decrypt() {
    let kms = Arc::new(Recorder::new());
    let default = block_on(kms.service.ensure_default_key()).unwrap();
    let client = Client::new(strict(&kms, "alias/default"));
    let message = block_on(client.encrypt(b"x", &context())).unwrap();
    assert_eq!(kms.calls(), ["GenerateDataKey alias/default"]);
    let error = block_on(client.decrypt(&message, &context())).unwrap_err().to_string();
    assert!(error.contains("configured with \"alias/default\", and decryption needs the key ARN"), "{error}");
    assert!(kms.calls().is_empty());
    let reader = client.with_keyring(strict(&kms, &default.arn.to_string()));
    assert!(block_on(reader.decrypt(&message, &context())).is_ok());
}

#[test]
fn an_answer_for_another_key_is_refused() {
    let recorder = Recorder::new();
    let key = recorder.create_key();
    let recorder = Arc::new(recorder);
    let message = block_on(Client::new(strict(&recorder, &key)).encrypt(b"x", &context())).unwrap();
    let mut recorder = Arc::into_inner(recorder).unwrap();
    recorder.answers_as =
        Some("arn:aws:kms:local:000000000000:key/11111111-2222-4333-8444-555555555555".into());
    let client = Client::new(strict(&Arc::new(recorder), &key));
    let error = block_on(client.encrypt(b"x", &context())).unwrap_err().to_string();
    assert!(error.contains("which is not the one asked for"), "{error}");
    let error = block_on(client.decrypt(&message, &context())).unwrap_err().to_string();
    assert!(error.contains("which is not the one asked for"), "{error}");
}

#[test]
fn discovery_stays_within_its_filter() {
    let kms = Arc::new(Recorder::new());
    let key = kms.create_key();
    let message = block_on(Client::new(strict(&kms, &key)).encrypt(b"x", &context())).unwrap();
    kms.calls();
    let mine = DiscoveryFilter {
        partition: "aws".to_owned(),
        region: "local".to_owned(),
        accounts: vec!["000000000000".to_owned()],
    };
    let discover = |filter: DiscoveryFilter| {
        let keyring = KmsDiscoveryKeyring::new(Arc::clone(&kms), filter);
        block_on(Client::new(keyring).decrypt(&message, &context()))
    };
    assert_eq!(discover(mine.clone()).unwrap().plaintext, b"x");
    assert_eq!(kms.calls(), [format!("Decrypt {key}")]);
    for other in [
        DiscoveryFilter { partition: "aws-cn".to_owned(), ..mine.clone() },
        DiscoveryFilter { region: "us-east-1".to_owned(), ..mine.clone() },
        DiscoveryFilter { accounts: vec!["111111111111".to_owned()], ..mine.clone() },
        DiscoveryFilter { accounts: vec![], ..mine.clone() },
    ] {
        let error = discover(other).unwrap_err().to_string();
        assert!(error.contains("none of them mine"), "{error}");
    }
    assert!(kms.calls().is_empty());
    let keyring = KmsDiscoveryKeyring::new(Arc::clone(&kms), mine);
    let error = block_on(Client::new(keyring).encrypt(b"x", &context())).unwrap_err().to_string();
    assert!(error.ends_with("this keyring can only decrypt"), "{error}");
}

/// KMS keys and raw keys in one message.
#[test]
fn mixed_with_raw_keys() {
    let kms = Arc::new(Recorder::new());
    let key = kms.create_key();
    let raw = || RawAesKeyring::new(KeyName::new("acme", "2026").unwrap(), &[7; 32]).unwrap();
    let both = MultiKeyring::new(Some(Arc::new(strict(&kms, &key))), vec![Arc::new(raw())]);
    let message = block_on(Client::new(both).encrypt(b"x", &context())).unwrap();
    assert!(block_on(Client::new(raw()).decrypt(&message, &context())).is_ok());
    assert!(block_on(Client::new(strict(&kms, &key)).decrypt(&message, &context())).is_ok());
}

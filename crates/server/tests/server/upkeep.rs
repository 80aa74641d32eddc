//! What a server does unasked.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use keyfold_kms::{Clock, Embedded, RootOfTrust};
use keyfold_protocol::operations::{
    EnableKeyRotationRequest, GenerateDataKeyRequest, GetKeyLastUsageRequest, ListKeyRotationsRequest,
};
use keyfold_protocol::{KmsExt as _, Timestamp};
use keyfold_server::{Config, Server, Transport};
use tokio::sync::oneshot;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Debug)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_epoch_ms(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn due_rotations_happen_and_last_uses_are_written_down() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock(AtomicI64::new(1_700_000_000_000)));
    let open = || Embedded::open_or_create(home.path(), &RootOfTrust::KeyFile, clock.clone());
    let kms = open().await.unwrap();
    let service = kms.shared_service();
    let arn = kms.ensure_default_key().await.unwrap().arn.to_string();
    service.send(EnableKeyRotationRequest::new(&arn)).await.unwrap();
    clock.0.fetch_add(366 * DAY_MS, Ordering::SeqCst);

    let config = Config::new("127.0.0.1:0".parse().unwrap(), Transport::InsecureHttp);
    let server = Server::bind(config, Arc::clone(&service), clock.clone()).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let mut rotations = 0;
    for _ in 0..200 {
        rotations = service.send(ListKeyRotationsRequest::new(&arn)).await.unwrap().rotations.len();
        if rotations > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(rotations, 1);

    let mut request = GenerateDataKeyRequest::new(&arn);
    request.number_of_bytes = Some(32);
    service.send(request).await.unwrap();
    stop.send(()).unwrap();
    assert!(task.await.unwrap());
    drop((service, kms));
    let kms = open().await.unwrap();
    let last = kms.send(GetKeyLastUsageRequest::new(&arn)).await.unwrap();
    assert!(format!("{last:?}").contains("GenerateDataKey"), "{last:?}");
}

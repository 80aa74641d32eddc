//! The service under load for some seconds, with hostile clients beside the honest ones: `service_bench soak`, small.

use std::time::Duration;

use keyfold_testkit::Serving;
use keyfold_testkit::load::Target;
use keyfold_testkit::load::hostile::Crowd;
use keyfold_testkit::load::soak::{Plan, soak};
use tokio::runtime::Runtime;

#[test]
fn hostile_clients_take_nothing_from_honest_ones() {
    let home = tempfile::tempdir().unwrap();
    let serving = Serving::dev(home.path());
    let target = Target::of_dev(&serving).unwrap();
    let crowd = Crowd { slow: 20, loud: 2, pause: Duration::from_millis(100) };
    let plan = Plan { duration: Duration::from_secs(12), per_second: 50, connections: 8, crowd };
    let outcome = Runtime::new().unwrap().block_on(soak(&serving, &target, plan)).unwrap();
    assert!(outcome.failures().is_empty(), "{:?}\n{}", outcome.failures(), serving.log());
    let requests = outcome.before.requests() + outcome.beside.requests() + outcome.after.requests();
    assert_eq!(requests, 12 * 50);
    // 60 slow ones, and of the loud ones each again and again.
    assert!(outcome.attempts > 70, "{} attempts are no crowd", outcome.attempts);
    assert!(outcome.refused > 10, "{} refused: nobody reached the service", outcome.refused);
    assert_eq!(outcome.served, 0, "what is wrong was served");
    // What hostile clients can make it hold is bounded, and it is given back or used again.
    assert!(outcome.resident_kib_max.iter().all(|kib| *kib < 256 * 1024), "{:?}", outcome.resident_kib_max);
    let _ = serving.end();
}

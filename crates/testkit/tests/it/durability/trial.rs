//! A service that is used, ended badly, started again and checked.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use fastrand::Rng;
use keyfold_testkit::Serving;
use keyfold_testkit::load::{AccessKey, Connection, Target};
use keyfold_testkit::serving::keyfold;
use tokio::task::JoinSet;

use super::check::{Checker, Finding};
use super::share::Share;

/// A key store, and what its clients know of it.
pub(crate) struct Trial {
    pub(crate) home: PathBuf,
    pub(crate) shares: Vec<Share>,
    pub(crate) rng: Rng,
    access_key: Arc<str>,
}

/// Whether an answer that arrives when the end has begun counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    Acknowledged,
    InFlight,
}

impl Trial {
    /// Makes the key store.
    pub(crate) fn new(home: &Path, seed: u64) -> Self {
        let made = keyfold(home).arg("init").output().unwrap();
        let said = String::from_utf8(made.stdout).unwrap();
        assert!(made.status.success(), "{said}{}", String::from_utf8_lossy(&made.stderr));
        assert!(AccessKey::in_text(&said).is_some(), "{said}");
        let shares = (0..CLIENTS).map(|number| Share::new(format!("c{number}"), seed ^ number)).collect();
        Self { home: home.to_owned(), shares, rng: Rng::with_seed(seed), access_key: said.into() }
    }

    pub(crate) fn serve(&self) -> Serving {
        Serving::start(&self.home, &["--rate-writing", "1000000", "--rate-reading", "1000000"])
    }

    /// Starts the service and ends it before it is ready, as a second failure may come during recovery.
    pub(crate) fn start_in_vain(&mut self, end: impl FnOnce()) {
        let mut command = keyfold(&self.home);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--no-admin"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        sleep(Duration::from_millis(self.rng.u64(1..60)));
        end();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Whether everything is there that changed since the last time; or all that ever was.
    pub(crate) async fn check(&mut self, serving: &Serving, everything: bool) -> Result<(), Finding> {
        let target = self.target(serving);
        Checker(connected(&target).await).keys(&mut self.shares).await?;
        let mut tasks = JoinSet::new();
        for mut share in self.shares.drain(..) {
            let mut checker = Checker(connected(&target).await);
            tasks.spawn(async move {
                checker.share(&mut share).await?;
                if everything {
                    checker.everything(&mut share).await?;
                }
                Ok::<_, Finding>(share)
            });
        }
        while let Some(checked) = tasks.join_next().await {
            self.shares.push(checked.unwrap()?);
        }
        Ok(())
    }

    /// All clients ask as fast as they are answered; `end` ends the service after a while.
    pub(crate) async fn load(
        &mut self,
        serving: Serving,
        late: Late,
        end: impl FnOnce(Serving) + Send + 'static,
    ) {
        let target = self.target(&serving);
        let is_ending = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for mut share in self.shares.drain(..) {
            let (mut connection, is_ending) = (connected(&target).await, Arc::clone(&is_ending));
            tasks.spawn(async move {
                use_it(&mut share, &mut connection, &is_ending, late).await;
                share
            });
        }
        tokio::time::sleep(Duration::from_millis(self.rng.u64(5..=250))).await;
        // A thread of its own: requests go on while it happens.
        let ended = tokio::task::spawn_blocking(move || {
            is_ending.store(true, Ordering::SeqCst);
            end(serving);
        });
        ended.await.unwrap();
        while let Some(share) = tasks.join_next().await {
            self.shares.push(share.unwrap());
        }
    }

    /// What happened, and whether anything did.
    pub(crate) fn summary(&self) -> (String, bool) {
        let sum = |of: fn(&Share) -> u64| self.shares.iter().map(of).sum::<u64>();
        let acknowledged = sum(|share| share.acknowledged);
        let [undone, done] = [sum(|share| share.found[0]), sum(|share| share.found[1])];
        let keys: usize = self.shares.iter().map(|share| share.keys.len()).sum();
        let text = format!(
            "{acknowledged} changes acknowledged, on {keys} keys: nothing lost; in flight: {done} found done, {undone} \
             not, none half"
        );
        (text, acknowledged > 0 && keys > 0)
    }

    fn target(&self, serving: &Serving) -> Target {
        let access_key = AccessKey::in_text(&self.access_key).unwrap();
        Target::new(serving.endpoint(), &self.home.join("tls/ca.pem"), access_key).unwrap()
    }
}

async fn use_it(share: &mut Share, connection: &mut Connection, is_ending: &AtomicBool, late: Late) {
    loop {
        let change = share.next();
        share.in_flight = Some(change.clone());
        let answer = connection.call(change.operation, change.body.to_string().into()).await;
        let is_late = is_ending.load(Ordering::SeqCst);
        match answer {
            Ok(_) if is_late && late == Late::InFlight => return,
            Ok(answer) if answer.is_ok() => {
                share.in_flight = None;
                share.acknowledge(&change, &answer.json());
            }
            Ok(answer) => assert!(is_late, "{change:?}: {}", answer.json()),
            Err(error) => {
                assert!(is_late, "{change:?}: {error}");
                return;
            }
        }
    }
}

async fn connected(target: &Target) -> Connection {
    Connection::open(target).await.unwrap()
}

/// `keyfold init`, ended by `end` after a while. What it had said by then.
pub(crate) fn init_cut_short(home: &Path, after: Duration, end: impl FnOnce()) -> String {
    let mut init = keyfold(home).arg("init").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    sleep(after);
    let is_done = init.try_wait().unwrap().is_some();
    end();
    let _ = init.kill();
    init.wait().unwrap();
    let mut said = String::new();
    init.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    // What it said while the end came is no promise.
    if is_done { said } else { String::new() }
}

/// A home in which `init` was ended: there is no key store, or a whole one; `init` completes it; and what `init` had
/// promised holds.
pub(crate) async fn check_init(home: &Path, promised: &str) {
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (done, _, said) = run(keyfold(home).args(["keys", "list"]));
    assert!(done || promised.is_empty() && said.contains("there is no key store"), "{promised}{said}");
    let (done, again, said) = run(keyfold(home).arg("init"));
    assert!(done, "{said}");
    // An access key is shown when it is there, and a key that was made may not have been shown any more.
    let shown = AccessKey::in_text(promised).or_else(|| AccessKey::in_text(&again));
    let access_key = shown.unwrap_or_else(|| {
        let (done, made, said) = run(keyfold(home).args(["principals", "create-access-key", "admin"]));
        assert!(done, "{said}");
        AccessKey::in_text(&made).unwrap()
    });
    let serving = Serving::start(home, &[]);
    let target = Target::new(serving.endpoint(), &home.join("tls/ca.pem"), access_key).unwrap();
    let answer = connected(&target).await.call("CreateKey", "{}".into()).await.unwrap();
    assert!(answer.is_ok(), "the administrator can't work: {}", answer.json());
    let _ = serving.kill();
    fs::remove_dir_all(home).unwrap();
}

const CLIENTS: u64 = 4;

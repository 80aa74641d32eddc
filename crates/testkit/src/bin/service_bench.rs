//! Measures `keyfold serve` as its clients see it: over TLS 1.3, every request signed, connections kept.
//!
//! ```text
//! service_bench [--seconds N] [--connections N] [--rate N] [--rounds N]    beside a service that does nothing
//! service_bench soak [--seconds N] [--connections N] [--rate N]            a steady rate, hostile clients beside it
//! ```
//!
//! The account's limits are raised for it, since they would be what is measured. `cargo xtask bench-service` runs the
//! first in the release profile.
#![allow(clippy::print_stdout, reason = "it prints its figures")]

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keyfold_testkit::Serving;
use keyfold_testkit::load::hostile::Crowd;
use keyfold_testkit::load::requests::{MEASURED, Requests};
use keyfold_testkit::load::soak::{Plan, soak};
use keyfold_testkit::load::{Connection, Figures, Target, at_rate, ceiling, saturated};

type Failed = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["ceiling", certificate, key, ref answers @ ..] => serve_ceiling(certificate, key, answers).await,
        ["soak", ref options @ ..] => run_soak(&Options::parse(options, SOAK_SECONDS, SOAK_RATE)?).await,
        ref options => bench(&Options::parse(options, SECONDS, RATE)?).await,
    }
}

struct Options {
    seconds: u64,
    connections: usize,
    rate: u32,
    rounds: usize,
}

impl Options {
    fn parse(arguments: &[&str], seconds: u64, rate: u32) -> Result<Self, Failed> {
        let mut options = Self { seconds, connections: CONNECTIONS, rate, rounds: ROUNDS };
        for pair in arguments.chunks(2) {
            let [name, value] = pair else { return Err(format!("{pair:?} has no value").into()) };
            match *name {
                "--seconds" => options.seconds = value.parse()?,
                "--connections" => options.connections = value.parse()?,
                "--rate" => options.rate = value.parse()?,
                "--rounds" => options.rounds = value.parse()?,
                other => return Err(format!("there is no option {other}").into()),
            }
        }
        Ok(options)
    }

    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// What was measured of one operation in one round, of one of the two services.
struct Measured {
    saturated: Figures,
    steady: Figures,
}

async fn bench(options: &Options) -> Result<(), Failed> {
    let home = tempfile::tempdir()?;
    let serving = serve(home.path());
    let target = Target::of_dev(&serving)?;
    let requests = Requests::prepare(&target).await?;
    let mut lens = Vec::new();
    for operation in MEASURED {
        let (name, body) = requests.only(operation)(0);
        let answer = Connection::open(&target).await?.call(name, body).await?;
        lens.push(format!("{operation}={}", answer.body.len()));
    }
    let mut ceiling = Ceiling::start(home.path(), &lens)?;
    let ceiling_target = target.at(ceiling.address()?);

    println!(
        "{} connections, {} rounds of {} s; beside a service that answers {}\n",
        options.connections,
        options.rounds,
        options.seconds,
        lens.join(", ")
    );
    println!("| operation | requests/s | of the ceiling's | at | p50 | p99 | p99.9 |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for operation in MEASURED {
        let job = requests.only(operation);
        // Writing waits for the disk, so it has a rate of its own.
        let rate = if operation == "CreateKey" { options.rate / 5 } else { options.rate };
        let (mut of_ceiling, mut of_service) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            for (target, measured) in [(&ceiling_target, &mut of_ceiling), (&target, &mut of_service)] {
                let saturated = saturated(target, options.connections, options.duration(), &job).await?;
                let steady = at_rate(target, options.connections, rate, options.duration(), &job).await?;
                measured.push(Measured { saturated, steady });
            }
        }
        print_row(operation, rate, &of_service, &of_ceiling)?;
    }
    println!(
        "\nlatencies in microseconds from when a request was due, with multiples of the ceiling's; medians of the rounds"
    );
    Ok(())
}

fn print_row(operation: &str, rate: u32, service: &[Measured], ceiling: &[Measured]) -> Result<(), Failed> {
    for measured in service.iter().chain(ceiling) {
        for figures in [&measured.saturated, &measured.steady] {
            if !figures.failures().is_empty() {
                return Err(format!("{operation}: {:?}", figures.failures()).into());
            }
        }
    }
    let per_second = |all: &[Measured]| median(all.iter().map(|one| one.saturated.per_second()));
    let latency = |all: &[Measured], quantile| {
        median(
            all.iter()
                .map(|one| f64::from(u32::try_from(one.steady.latency_us(quantile)).unwrap_or(u32::MAX))),
        )
    };
    let latencies = [0.5, 0.99, 0.999].map(|quantile| {
        let (service, ceiling) = (latency(service, quantile), latency(ceiling, quantile));
        format!("{service:.0} ({:.1} ×)", service / ceiling)
    });
    let (service, ceiling) = (per_second(service), per_second(ceiling));
    println!(
        "| {operation} | {service:.0} | {:.2} of {ceiling:.0} | {rate}/s | {} |",
        service / ceiling,
        latencies.join(" | ")
    );
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

async fn run_soak(options: &Options) -> Result<(), Failed> {
    let home = tempfile::tempdir()?;
    let serving = serve(home.path());
    let target = Target::of_dev(&serving)?;
    let crowd = Crowd { slow: 100, loud: 4, pause: Duration::from_millis(500) };
    let plan = Plan {
        duration: options.duration(),
        per_second: options.rate,
        connections: options.connections,
        crowd,
    };
    println!("{plan:?}");
    let outcome = soak(&serving, &target, plan).await?;
    for (name, figures) in
        [("before", &outcome.before), ("beside", &outcome.beside), ("after", &outcome.after)]
    {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| figures.latency_us(quantile));
        println!(
            "{name}: {} requests in {:.0} s, p50 {p50} us, p99 {p99} us, p99.9 {p999} us",
            figures.requests(),
            figures.took.as_secs_f64()
        );
    }
    println!(
        "hostile: {} attempts, {} answered with an error, {} as if nothing were wrong",
        outcome.attempts, outcome.refused, outcome.served
    );
    println!("most resident memory, KiB, before, beside, after: {:?}", outcome.resident_kib_max);
    println!("slope of memory after: {:.1} KiB per minute", outcome.slope_kib_per_minute);
    let failures = outcome.failures();
    if failures.is_empty() { Ok(()) } else { Err(format!("failed: {failures:?}").into()) }
}

/// `keyfold serve`, with limits on the account that nothing here reaches. A line of log for each request is no part
/// of what is measured: the pipe that takes them is ours.
fn serve(home: &Path) -> Serving {
    let unlimited = "1000000";
    let rates = ["--rate-cryptography", unlimited, "--rate-reading", unlimited, "--rate-writing", unlimited];
    Serving::start(home, &[&["--dev", "--log-level", "warn"], &rates[..]].concat())
}

/// The service that does nothing, in a process of its own like the one beside it.
struct Ceiling(Child);

impl Ceiling {
    fn start(home: &Path, answers: &[String]) -> Result<Self, Failed> {
        let process = Command::new(std::env::current_exe()?)
            .arg("ceiling")
            .args([home.join("tls/server.pem"), home.join("tls/server.key")])
            .args(answers)
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self(process))
    }

    fn address(&mut self) -> Result<SocketAddr, Failed> {
        let stdout = self.0.stdout.take().ok_or("it was asked before")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }
}

impl Drop for Ceiling {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn serve_ceiling(certificate: &str, key: &str, answers: &[&str]) -> Result<(), Failed> {
    let mut lens = HashMap::new();
    for answer in answers {
        let (operation, len) = answer.split_once('=').ok_or("OPERATION=LENGTH")?;
        lens.insert(operation.to_owned(), len.parse()?);
    }
    let ready = |address| println!("{address}");
    Ok(ceiling::serve(Path::new(certificate), Path::new(key), &lens, ready).await?)
}

const SECONDS: u64 = 5;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 16;
const RATE: u32 = 500;
const SOAK_SECONDS: u64 = 30 * 60;
const SOAK_RATE: u32 = 200;

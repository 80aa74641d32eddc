//! Uses a KMS endpoint as an application does, through the AWS SDK for Rust, and checks what it answers.
//!
//! ```text
//! keyfold-rust-peer [throttling]    with the environment that ../python/kms.py asks for
//! ```
//!
//! Each function of `cases` and `refusals` is one case; `throttling` is for a server whose rates are low. Ends with
//! status 0 and one line per case, or with a panic that says what was wrong.

mod cases;
mod refusals;
mod service;

macro_rules! run {
    ($($case:path),+ $(,)?) => {{
        $(
            $case().await;
            println!("ok {}", stringify!($case));
        )+
    }};
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run!(
            cases::create_and_describe,
            cases::aliases,
            cases::encrypt_and_decrypt,
            cases::data_keys,
            cases::rotation,
            cases::states,
            cases::grants,
            cases::tags,
            cases::policies,
            cases::pages,
            cases::who,
            cases::regions,
            cases::trust,
            refusals::keys,
            refusals::ciphertexts,
            refusals::grants,
            refusals::tags_and_policies,
            refusals::dry_runs,
            refusals::authentication,
            refusals::sessions,
        ),
        ["throttling"] => run!(refusals::throttling),
        _ => panic!("usage: keyfold-rust-peer [throttling]"),
    }
}

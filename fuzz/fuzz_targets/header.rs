//! Any bytes as a header: never a panic, the same answer in one piece and byte by byte, and no more taken than
//! the header has.
#![no_main]

use keyfold::{Limits, message::HeaderReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let whole = HeaderReader::new(Limits::default()).push(&mut rest);
    let mut reader = HeaderReader::new(Limits::default());
    let mut taken = 0;
    let mut piecewise = Ok(None);
    for byte in data {
        piecewise = reader.push(&mut &[*byte][..]);
        taken += 1;
        if !matches!(piecewise, Ok(None)) {
            break;
        }
    }
    match (whole, piecewise) {
        (Ok(Some(whole)), Ok(Some(piecewise))) => {
            assert_eq!(*whole, *piecewise);
            assert_eq!(taken, data.len() - rest.len());
            assert!(!whole.encrypted_data_keys().is_empty());
        }
        (Ok(None), Ok(None)) => assert!(rest.is_empty()),
        (Err(whole), Err(piecewise)) => assert_eq!(whole.to_string(), piecewise.to_string()),
        (whole, piecewise) => panic!("{whole:?} but {piecewise:?}"),
    }
});

//! The key file on a real file system.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Barrier;

use model::{SessionId, UserId};
use token::{FileError, Keys};

fn token_of(keys: &Keys) -> String {
    keys.mint(UserId::new(1).unwrap(), SessionId([3; 16])).expose().to_owned()
}

#[test]
fn the_file_is_made_once_for_its_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token.keys");
    let first = token_of(&Keys::load_or_create(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(token_of(&Keys::load_or_create(&path).unwrap()), first);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn threads_that_start_at_once_use_one_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token.keys");
    let barrier = Barrier::new(4);
    let tokens: Vec<_> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    token_of(&Keys::load_or_create(&path).unwrap())
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let stored = token_of(&Keys::load_or_create(&path).unwrap());
    assert!(tokens.iter().all(|token| *token == stored));
}

#[test]
fn a_file_that_others_can_read_is_refused_with_the_fix() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token.keys");
    Keys::load_or_create(&path).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Keys::load_or_create(&path).unwrap_err();
        assert!(matches!(error, FileError::Exposed { .. }));
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_used_says_so_and_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token.keys");
    fs::write(&path, "secret nonsense").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let error = Keys::load_or_create(&path).unwrap_err();
    assert!(matches!(error, FileError::Content { .. }));
    assert!(!error.to_string().contains("nonsense"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "secret nonsense");
    assert!(matches!(Keys::load_or_create(&directory.path().join("none/token.keys")), Err(FileError::Io { .. })));
}
